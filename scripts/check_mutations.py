"""Break single lines of the package and see whether the tests notice; the lines stand in mutations.toml.

Run: nice -n 15 python scripts/check_mutations.py [WORD...]; with words, only the mutations of files whose path has one
of them. Each mutation is made in a copy of the project, and the tests that it names run there. Ends with 1 where a
mutation survives, no longer applies or cannot be judged.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
LISTED = ROOT / "scripts" / "mutations.toml"
# What tests change or read beside them; all else of the project is linked.
COPIED = ("src", "tests")
SECONDS = 900
PASSED, FAILED = 0, 1  # pytest's exit codes


@dataclass(frozen=True)
class Mutation:
    """A fault in one line of a file, and the tests one of which must fail because of it."""

    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def applies(self, root: Path) -> bool:
        """Say whether the old text stands in the file exactly once."""
        path = root / self.file
        return path.is_file() and path.read_text().count(self.old) == 1


def read_mutations(path: Path = LISTED) -> list[Mutation]:
    """Read the list."""
    listed = tomllib.loads(path.read_text())["mutation"]
    return [Mutation(one["file"], one["old"], one["new"], tuple(one["tests"])) for one in listed]


def main() -> None:
    """Try the mutations that were asked for, and say how many the tests found."""
    words = sys.argv[1:]
    mutations = [one for one in read_mutations() if not words or any(word in one.file for word in words)]
    if not mutations:
        sys.exit(f"no mutation in a file whose path has {' or '.join(words)}")
    with tempfile.TemporaryDirectory() as place:
        copy = copy_project(Path(place))
        found: Counter[str] = Counter()
        passing: dict[tuple[str, ...], bool] = {}
        for number, mutation in enumerate(mutations, start=1):
            if mutation.tests not in passing:
                passing[mutation.tests] = run_tests(mutation.tests, copy)[0] == PASSED
            said, by = verdict(mutation, copy) if passing[mutation.tests] else ("TESTS FAIL", "without a mutation")
            found[said] += 1
            print(f"{number:>3} {said:<10} {mutation.file}: {mutation.new.strip()} ({by})", flush=True)
    print(", ".join(f"{count} {said}" for said, count in found.most_common()), f"of {len(mutations)}")
    sys.exit(int(found["killed"] < len(mutations)))


def copy_project(place: Path) -> Path:
    """Copy what is changed, and link the rest."""
    copy = place / "project"
    copy.mkdir()
    for path in ROOT.iterdir():
        if path.name in COPIED:
            shutil.copytree(path, copy / path.name, ignore=shutil.ignore_patterns("__pycache__"))
        elif path.name != ".git":
            (copy / path.name).symlink_to(path)
    return copy


def verdict(mutation: Mutation, copy: Path) -> tuple[str, str]:
    """Make a mutation in the copy, run its tests, and take it back; say what became of it, and by which test."""
    if not mutation.applies(copy):
        return "NOT THERE", "the old text does not stand there once"
    path = copy / mutation.file
    text = path.read_text()
    path.write_text(text.replace(mutation.old, mutation.new))
    try:
        code, failed = run_tests(mutation.tests, copy)
    except subprocess.TimeoutExpired:
        return "killed", f"no end within {SECONDS} s"
    finally:
        path.write_text(text)
    return {PASSED: "SURVIVED", FAILED: "killed"}.get(code, "NOT JUDGED"), failed or f"pytest ended with {code}"


def run_tests(tests: Sequence[str], copy: Path) -> tuple[int, str]:
    """Run tests in the copy up to the first that fails; return pytest's exit code and the name of that test."""
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "--tb=no", "-p", "no:cacheprovider", *tests],
        cwd=copy,
        env={
            **os.environ,
            "PYTHONPATH": str(copy / "src"),
            # Two changes of a file within a second look alike to Python's cache of compiled files.
            "PYTHONDONTWRITEBYTECODE": "1",
            # Hypothesis then draws the same examples each time, and a busy machine fails none for being slow.
            "CI": "true",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    failed = re.search(r"^FAILED (\S+)", run.stdout, re.MULTILINE)
    return run.returncode, failed[1].split("::")[-1] if failed else ""


if __name__ == "__main__":
    main()
