#!/bin/sh
# Train the open runs of atlases and experiments on a machine with a GPU, and bring rows and checkpoints back.
#
#   scripts/train_on_gpu.sh pack PARCEL.tar pets recipe      here: code, photos, rows and interrupted runs, at most 64 MiB
#   scripts/train_on_gpu.sh run --minutes 9 --out DIR pets recipe     there, in the unpacked parcel
#   scripts/train_on_gpu.sh take DIR                          here: the results
#
# The other machine needs only Python with the packages of requirements.txt; PYTHON sets the interpreter.
# DEVICE sets the device, cuda by default; WORKERS how many runs are trained at once on it, 1 by default.
set -eu
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
WORKSPACE=${SPLITLAB_WORKSPACE:-workspace}
MEASURED=src/splitlab/measured
MOST_BYTES=67108864
WORKERS=${WORKERS:-1}

fail() {
    echo "train_on_gpu.sh: $1" >&2
    exit 2
}

data_of() {
    # The embedded scenes, which experiments use too, are drawn where they are needed.
    for name in "$@"; do
        [ "$name" = embedded ] || [ -d "$MEASURED/experiments/$name" ] && continue
        [ -d "$WORKSPACE/data/$name/" ] || fail "$WORKSPACE/data/$name is not a folder. Put the photos there, or a link to them."
        echo "$WORKSPACE/data/$name"
    done
}

interrupted() {
    # Runs with a training state, which the next machine continues.
    for name in "$@"; do
        for state in "$WORKSPACE"/runs/atlas-"$name"*/weights/state*.pt "$WORKSPACE"/runs/"$name"-*/weights/state*.pt; do
            [ -f "$state" ] && dirname "$(dirname "$state")"
        done
    done | sort -u
}

pack() {
    parcel=$1
    shift
    [ $# -gt 0 ] || fail "name the atlases to pack, such as pets street."
    case $parcel in /*) ;; *) parcel=$PWD/$parcel ;; esac
    stage=$(mktemp -d)
    trap 'rm -rf "$stage"' EXIT
    mkdir -p "$stage/workspace/data" "$stage/workspace/runs"
    cp -R pyproject.toml requirements.txt README.md LICENSE scripts src "$stage/"
    find "$stage/src" -name __pycache__ -prune -exec rm -rf {} +
    version=$(git rev-parse --short=10 HEAD 2>/dev/null || true)
    [ -z "$version" ] || [ -z "$(git status --porcelain -- 'src/*.py')" ] || version="$version+"
    echo "$version" >"$stage/code-version.txt"
    folders=$(data_of "$@")
    for folder in $folders; do cp -RL "$folder" "$stage/workspace/data/"; done
    for folder in $(interrupted "$@"); do cp -R "$folder" "$stage/workspace/runs/"; done
    tar -C "$stage" -cf "$parcel" .
    bytes=$(wc -c <"$parcel")
    if [ "$bytes" -gt $MOST_BYTES ]; then
        rm -f "$parcel"
        fail "the parcel has $bytes bytes, more than $MOST_BYTES. Pack one atlas at a time, or finish the interrupted runs."
    fi
    echo "$parcel: $bytes bytes. There: tar -xf $(basename "$parcel") && scripts/train_on_gpu.sh run --minutes 9 --out DIR $*"
}

run() {
    minutes=9
    out=
    while [ $# -gt 0 ]; do
        case $1 in
        --minutes) minutes=$2 && shift 2 ;;
        --out) out=$2 && shift 2 ;;
        *) break ;;
        esac
    done
    [ -n "$out" ] || fail "give the folder of the results: --out DIR."
    [ $# -gt 0 ] || fail "name the atlases to train, such as pets street."
    export PYTHONPATH="$PWD/src" SPLITLAB_WORKSPACE="$PWD/workspace"
    SPLITLAB_CODE_VERSION=$(cat code-version.txt 2>/dev/null || true)
    export SPLITLAB_CODE_VERSION
    end=$(($(date +%s) + $("$PYTHON" -c "print(round(60 * float('$minutes')))")))
    code=0
    [ "$WORKERS" = 1 ] || export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
    for name in "$@"; do
        left=$((end - $(date +%s)))
        [ $left -gt 0 ] || break
        share=$("$PYTHON" -c "print($left / 60)")
        # Draws the scenes, which workers that start together would all do.
        "$PYTHON" -m splitlab atlas status "$name" >/dev/null
        workers=
        for _ in $(seq "$WORKERS"); do
            "$PYTHON" -m splitlab atlas run "$name" --device "${DEVICE:-cuda}" --minutes "$share" &
            workers="$workers $!"
        done
        for worker in $workers; do wait "$worker" || code=$?; done
    done
    mkdir -p "$out/runs"
    cp -R "$MEASURED" "$out/"
    for name in "$@"; do
        for folder in workspace/runs/atlas-"$name"* workspace/runs/"$name"-*; do
            [ ! -d "$folder" ] || cp -R "$folder" "$out/runs/"
        done
    done
    exit $code
}

take() {
    [ $# -eq 1 ] && [ -d "$1" ] || fail "give the folder with the results."
    export PYTHONPATH="$PWD/src"
    exec "$PYTHON" -m splitlab atlas take "$1"
}

case ${1:-} in
pack | run | take)
    command=$1
    shift
    "$command" "$@"
    ;;
*) fail "give pack, run or take; see the start of this file." ;;
esac
