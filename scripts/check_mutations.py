"""Break single lines of the package, listed in mutations.toml, and check that the tests notice.

Run: nice -n 15 python scripts/check_mutations.py [WORD...]. With words, only files whose path has one of them are
mutated. Each mutation is made in a copy of the project, where the tests that it names run. Exits with 1 if a mutation
survives, no longer applies or cannot be judged.
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
# Folders that tests change or read; all others are linked.
COPIED = ("src", "tests")
SECONDS = 900
PASSED, FAILED = 0, 1  # pytest's exit codes


@dataclass(frozen=True)
class Mutation:
    """A fault in one line of a file, and tests of which one must fail because of it."""

    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def applies(self, root: Path) -> bool:
        """Return whether the file holds the old text exactly once."""
        path = root / self.file
        return path.is_file() and path.read_text().count(self.old) == 1


def read_mutations(path: Path = LISTED) -> list[Mutation]:
    """Read the list."""
    listed = tomllib.loads(path.read_text())["mutation"]
    return [Mutation(one["file"], one["old"], one["new"], tuple(one["tests"])) for one in listed]


def main() -> None:
    """Try the requested mutations, and print how many the tests found."""
    words = sys.argv[1:]
    mutations = [one for one in read_mutations() if not words or any(word in one.file for word in words)]
    if not mutations:
        sys.exit(f"No mutation is in a file whose path has {' or '.join(words)}.")
    with tempfile.TemporaryDirectory() as place:
        copy = copy_project(Path(place))
        found: Counter[str] = Counter()
        passing: dict[tuple[str, ...], bool] = {}
        for number, mutation in enumerate(mutations, start=1):
            if mutation.tests not in passing:
                passing[mutation.tests] = run_tests(mutation.tests, copy)[0] == PASSED
            result, by = verdict(mutation, copy) if passing[mutation.tests] else ("TESTS FAIL", "without a mutation")
            found[result] += 1
            print(f"{number:>3} {result:<10} {mutation.file}: {mutation.new.strip()} ({by})", flush=True)
    print(", ".join(f"{count} {result}" for result, count in found.most_common()), f"of {len(mutations)}")
    sys.exit(int(found["killed"] < len(mutations)))


def copy_project(place: Path) -> Path:
    """Copy what tests change, and link the rest."""
    copy = place / "project"
    copy.mkdir()
    for path in ROOT.iterdir():
        if path.name in COPIED:
            shutil.copytree(path, copy / path.name, ignore=shutil.ignore_patterns("__pycache__"))
        elif path.name != ".git":
            (copy / path.name).symlink_to(path)
    return copy


def verdict(mutation: Mutation, copy: Path) -> tuple[str, str]:
    """Make a mutation in the copy, run its tests and undo it; return the result and the test that failed."""
    if not mutation.applies(copy):
        return "NOT THERE", "the file does not hold the old text exactly once"
    path = copy / mutation.file
    text = path.read_text()
    path.write_text(text.replace(mutation.old, mutation.new))
    try:
        code, failed = run_tests(mutation.tests, copy)
    except subprocess.TimeoutExpired:
        return "killed", f"tests ran for over {SECONDS} s"
    finally:
        path.write_text(text)
    return {PASSED: "SURVIVED", FAILED: "killed"}.get(code, "NOT JUDGED"), failed or f"pytest ended with {code}"


def run_tests(tests: Sequence[str], copy: Path) -> tuple[int, str]:
    """Run tests in the copy until one fails; return pytest's exit code and the name of that test."""
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "--tb=no", "-p", "no:cacheprovider", *tests],
        cwd=copy,
        env={
            **os.environ,
            "PYTHONPATH": str(copy / "src"),
            # Python's cache of compiled files does not notice two changes of a file within a second.
            "PYTHONDONTWRITEBYTECODE": "1",
            # Hypothesis then draws the same examples each time, and fails none on a busy machine for being slow.
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
