"""Follow docs/tutorial.md for real, and write into it what its commands printed.

Run: python scripts/rerun_tutorial.py FOLDER, in an empty folder, with the cores free; about eight minutes. What the
last command of a block prints on standard output goes into the `text` block that follows it. The seconds of each
command are printed at the end, for the sentences that say them.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
TUTORIAL = ROOT / "docs" / "tutorial.md"
# A block of commands, and the output that follows it where there is one.
STEP = re.compile(r"^```\n(?P<commands>.*?)^```\n(?:\n```text\n(?P<printed>.*?)^```\n)?", re.MULTILINE | re.DOTALL)
PLAN = re.compile(r"^```yaml\n# (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def main(folder: Path) -> None:
    """Run all steps and write the page anew."""
    folder.mkdir(parents=True, exist_ok=True)
    text = TUTORIAL.read_text()
    for name, content in PLAN.findall(text):
        (folder / name).write_text(content)
    seconds: dict[str, float] = {}
    printed = [run_block(step["commands"], folder, seconds) for step in STEP.finditer(text)]
    TUTORIAL.write_text(with_outputs(text, printed))
    for command, took in seconds.items():
        print(f"{took:6.1f} s  {command}")


def with_outputs(text: str, printed: list[str]) -> str:
    """Put what each block printed into the output after it; blocks without one stay so."""
    outputs = iter(printed)

    def renewed(step: re.Match[str]) -> str:
        output = next(outputs)
        return step[0] if step["printed"] is None else step[0].replace(step["printed"], output)

    return STEP.sub(renewed, text)


def run_block(commands: str, folder: Path, seconds: dict[str, float]) -> str:
    """Run the commands of a block; return what the last one printed."""
    output = ""
    for command in commands.splitlines():
        started = time.monotonic()
        output = run(command, folder)
        seconds[command] = time.monotonic() - started
    return output


def run(command: str, folder: Path) -> str:
    # The interpreter's own folder holds the command `splitlab` of this installation.
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    settings = {**os.environ, "PATH": path, "SPLITLAB_WORKSPACE": str(folder / "workspace"), "COLUMNS": "96"}
    done = subprocess.run(
        shlex.split(command, comments=True), cwd=folder, env=settings, check=False, stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        sys.exit(f"{command} ended with {done.returncode}")
    return done.stdout.replace(f"{folder}/", "").lstrip("\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
