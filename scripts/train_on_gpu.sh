#!/bin/sh
# Carry the atlas to a machine with a GPU, train there what is open, and bring rows and checkpoints back.
#
#   scripts/train_on_gpu.sh pack PARCEL.tar pets street      here: code, photos, rows and broken-off runs, at most 64 MiB
#   scripts/train_on_gpu.sh run --minutes 9 --out DIR pets street     there, in the unpacked parcel
#   scripts/train_on_gpu.sh take DIR                          here: what came back
#
# It knows nothing of that machine but that it has Python with what requirements.txt names: PYTHON says which one.
# DEVICE says what to train on, cuda where left out.
set -eu
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
WORKSPACE=${SPLITLAB_WORKSPACE:-workspace}
MEASURED=src/splitlab/measured
MOST_BYTES=67108864

fail() {
    echo "train_on_gpu.sh: $1" >&2
    exit 2
}

data_of() {
    # The embedded scenes are drawn anew wherever they are needed.
    for name in "$@"; do
        [ "$name" = embedded ] && continue
        [ -d "$WORKSPACE/data/$name/" ] || fail "$WORKSPACE/data/$name is no folder. Put the photos there, or a link to them."
        echo "$WORKSPACE/data/$name"
    done
}

broken_off() {
    # Runs that were begun and have their training state: the next machine goes on with them.
    for name in "$@"; do
        for state in "$WORKSPACE"/runs/atlas-"$name"*/weights/state*.pt; do
            [ -f "$state" ] && dirname "$(dirname "$state")"
        done
    done | sort -u
}

pack() {
    parcel=$1
    shift
    [ $# -gt 0 ] || fail "say which atlases to pack, such as pets street."
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
    for folder in $(broken_off "$@"); do cp -R "$folder" "$stage/workspace/runs/"; done
    tar -C "$stage" -cf "$parcel" .
    bytes=$(wc -c <"$parcel")
    if [ "$bytes" -gt $MOST_BYTES ]; then
        rm -f "$parcel"
        fail "the parcel has $bytes bytes, more than $MOST_BYTES. Pack one atlas at a time, or finish the runs broken off."
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
    [ -n "$out" ] || fail "say where the results go: --out DIR."
    [ $# -gt 0 ] || fail "say which atlases to train, such as pets street."
    export PYTHONPATH="$PWD/src" SPLITLAB_WORKSPACE="$PWD/workspace"
    SPLITLAB_CODE_VERSION=$(cat code-version.txt 2>/dev/null || true)
    export SPLITLAB_CODE_VERSION
    end=$(($(date +%s) + $("$PYTHON" -c "print(round(60 * float('$minutes')))")))
    code=0
    for name in "$@"; do
        left=$((end - $(date +%s)))
        [ $left -gt 0 ] || break
        share=$("$PYTHON" -c "print($left / 60)")
        "$PYTHON" -m splitlab atlas run "$name" --device "${DEVICE:-cuda}" --minutes "$share" || code=$?
    done
    mkdir -p "$out/measured" "$out/runs"
    for name in "$@"; do
        [ ! -f "$MEASURED/$name.csv" ] || cp "$MEASURED/$name.csv" "$out/measured/"
        for folder in workspace/runs/atlas-"$name"*; do
            [ ! -d "$folder" ] || cp -R "$folder" "$out/runs/"
        done
    done
    exit $code
}

take() {
    [ $# -eq 1 ] && [ -d "$1" ] || fail "say which folder came back."
    export PYTHONPATH="$PWD/src"
    exec "$PYTHON" -m splitlab atlas take "$1"
}

case ${1:-} in
pack | run | take)
    command=$1
    shift
    "$command" "$@"
    ;;
*) fail "give pack, run or take; the head of this file says how." ;;
esac
