"""Run the commands of docs/tutorial.md, and update the outputs in it.

Run: python scripts/rerun_tutorial.py FOLDER, with an empty folder and idle cores; about eight minutes. The output of
the last command of a block (standard output, or else standard error) goes into the `text` block after it. The seconds
of each command are printed at the end, for the sentences that quote them.
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
# A fence without a language holds commands.
BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<content>.*?)^```$", re.MULTILINE | re.DOTALL)
PLAN = re.compile(r"^```yaml\n# (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def main(folder: Path) -> None:
    """Run all steps and rewrite the page."""
    folder.mkdir(parents=True, exist_ok=True)
    text = TUTORIAL.read_text()
    for name, content in PLAN.findall(text):
        (folder / name).write_text(content)
    seconds: dict[str, float] = {}
    printed = [run_block(block["content"], folder, seconds) for block in BLOCK.finditer(text) if not block["language"]]
    TUTORIAL.write_text(with_outputs(text, printed))
    for command, took in seconds.items():
        print(f"{took:6.1f} s  {command}")


def with_outputs(text: str, printed: list[str]) -> str:
    """Put the output of each block of commands into the `text` block after it, if there is one."""
    outputs = iter(printed)
    latest: list[str] = []

    def renewed(block: re.Match[str]) -> str:
        if not block["language"]:
            latest[:] = [next(outputs)]
        elif block["language"] == "text" and latest:
            return f"```text\n{latest.pop()}```"
        return block[0]

    return BLOCK.sub(renewed, text)


def run_block(commands: str, folder: Path, seconds: dict[str, float]) -> str:
    """Run the commands of a block; return the output of the last one."""
    output = ""
    for command in commands.splitlines():
        started = time.monotonic()
        output = run(command, folder)
        seconds[command] = time.monotonic() - started
    return output


def run(command: str, folder: Path) -> str:
    # The interpreter's folder holds the command `splitlab` of this installation.
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    settings = {**os.environ, "PATH": path, "SPLITLAB_WORKSPACE": str(folder / "workspace"), "COLUMNS": "96"}
    done = subprocess.run(
        shlex.split(command, comments=True), cwd=folder, env=settings, check=False, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"{command} ended with {done.returncode}: {done.stderr}")
    printed = (done.stdout or done.stderr).replace(f"{folder}/", "").strip("\n")
    return "".join(f"{line.rstrip()}\n" for line in printed.splitlines())


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
