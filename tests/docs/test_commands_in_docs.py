"""Every command and every Python block of the README and the docs is run, on small stand-ins for what they name."""

import ast
import importlib.util
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from typer.main import get_command
from typer.testing import CliRunner

from splitlab.budget.results import METRICS
from splitlab.cli.main import app
from splitlab.queue.worker import Worker
from splitlab.sweeps.file import read_plan
from splitlab.training.experiment import carry_out
from tests.docs import treatment
from tests.docs.code_blocks import COMMANDS, PAGES, ROOT, blocks_of, commands_of, pages_with, split_line
from tests.docs.stand_ins import make_stand_ins, place_stand_ins

runner = CliRunner()
ALL_COMMANDS = [command for page in PAGES for command in commands_of(page)]


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stand-ins")
    make_stand_ins(folder)
    return folder


@pytest.fixture
def readers_folder(stand_ins, tmp_path, monkeypatch):
    """Be where a reader is: in a folder with the shipped checkpoints, some data and a work space."""
    place_stand_ins(stand_ins, tmp_path)
    monkeypatch.chdir(tmp_path)
    # A process of its own for each training would take seconds; tests/runs has them.
    monkeypatch.setattr(Worker, "_train", lambda worker, run, entry: carry_out(run, worker.workspace.data))
    # Trainings of a sweep are in a thread then, where none may be set, and nobody stops these.
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    return tmp_path


@pytest.mark.parametrize("name", pages_with(*COMMANDS))
def test_every_command_of_the_page_works(name, readers_folder):
    page = ROOT / name
    write_yaml_blocks(page, readers_folder)
    for command in commands_of(page):
        if command.words and command.words[0] == "splitlab":
            run_ours(command)
        elif command.words and command.words[0] in treatment.RUN_AS_THEY_ARE:
            words = [sys.executable if word == "python" else word for word in command.words]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{command}\n{done.stderr}"


def test_every_program_is_ours_or_listed_with_a_reason():
    known = {"splitlab", *treatment.RUN_AS_THEY_ARE, *treatment.NOT_RUN}
    unknown = [str(command) for command in ALL_COMMANDS if command.words and command.words[0] not in known]
    assert not unknown, "list them in tests/docs/treatment.py, or say in the fence what the block is"


def test_nothing_is_treated_apart_that_the_docs_no_longer_name():
    words = {word for command in ALL_COMMANDS for word in command.words}
    unused = [mark for mark in treatment.ONLY_PARSED if not any(mark in word for word in words)]
    assert not unused
    assert not set(treatment.NOT_RUN) - {command.words[0] for command in ALL_COMMANDS if command.words}


@pytest.mark.parametrize("name", pages_with("python"))
def test_every_python_block_of_the_page_runs(name, readers_folder):
    page = ROOT / name
    for block in blocks_of(page):
        if block.language != "python":
            continue
        tree = ast.parse(block.text)
        if name in treatment.HEAVY_PYTHON:
            tree.body = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        exec(compile(tree, block.place, "exec"), {})  # noqa: S102 (our own pages)


@pytest.mark.parametrize("name", pages_with("yaml"))
def test_every_plan_of_a_sweep_on_the_page_can_be_read(name, readers_folder):
    page = ROOT / name
    for number, block in enumerate(block for block in blocks_of(page) if block.language == "yaml"):
        path = readers_folder / f"{number}.yaml"
        path.write_text(block.text)
        assert read_plan(path, readers_folder / "workspace" / "data").name


def test_outputs_of_the_tutorial_go_into_the_blocks_after_their_commands():
    spec = importlib.util.spec_from_file_location("rerun_tutorial", ROOT / "scripts" / "rerun_tutorial.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    page = "```yaml\nplan\n```\n\n```\none\n```\n\n```\ntwo\n```\n\n```text\nold\n```\n"
    assert script.with_outputs(page, ["1\n", "2\n"]) == page.replace("old", "2")


def test_comments_and_chains_are_told_apart():
    made = split_line("A=1 splitlab train x --set a=b && splitlab runs   # lists 'em", "here")
    assert [command.words for command in made] == [("splitlab", "train", "x", "--set", "a=b"), ("splitlab", "runs")]
    assert [command.variables for command in made] == [{"A": "1"}, {}]


def run_ours(command):
    words = [*command.words[1:]]
    if is_only_parsed(command):
        parse(words)
        return
    if "--pilot" in words:
        raise_scores(Path(words[words.index("--pilot") + 1]))
    words += next((more for start, more in treatment.MORE_WORDS.items() if command.words[: len(start)] == start), [])
    if words[0] == "few-shot" or (words[0] == "train" and ("--full" in words or "--split" in words)):
        refused = treatment.SAID_BY_OPTIONS.get(words[0], ())
        short = {name: value for name, value in treatment.CUT_SHORT.items() if name not in refused}
        words += [word for name, value in short.items() for word in ("--set", f"{name}={value}")]
    result = runner.invoke(app, words, env=command.variables)
    assert result.exit_code == 0, f"{command}\n{result.output}\n{result.exception!r}"


def raise_scores(table):
    """Let trainings that were cut short seem to have learnt something."""
    runs = pd.read_csv(table)
    raised = {name: runs[name] + treatment.LEARNT for name in METRICS if name in runs}
    runs.assign(**raised).to_csv(table, index=False)


def is_only_parsed(command):
    listed = any(command.words[: len(start)] == start for start in treatment.ONLY_PARSED_COMMANDS)
    return listed or any(mark in word for word in command.words for mark in treatment.ONLY_PARSED)


def parse(words):
    """Take a command apart as the command line does; an option that it does not know raises."""
    command, context = get_command(app), None
    while hasattr(command, "commands"):
        context = command.make_context(words[0], words, parent=context, ignore_unknown_options=True)
        command, words = command.commands[words[0]], words[1:]
    command.make_context(words[0] if words else "", words, parent=context)


def write_yaml_blocks(page, folder):
    """Write the plans that a page shows, under the name in their first line, with trainings cut short."""
    for block in (block for block in blocks_of(page) if block.language == "yaml"):
        name = block.text.partition("\n")[0].removeprefix("# ").split()[0]
        (folder / name).write_text(yaml.safe_dump(cut_short(yaml.safe_load(block.text))))


def cut_short(plan):
    """One seed, one small model, one corner of a grid, two steps."""
    first = {key: plan[key][:1] for key in ("full", "weak", "seeds") if key in plan}
    settings = {name: value for name, value in treatment.CUT_SHORT.items() if name != "model"}
    return {**plan, **first, "models": [treatment.CUT_SHORT["model"]], "settings": settings}
