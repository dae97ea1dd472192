"""Every command with values that nobody means: one bounded sentence, never a traceback."""

import io
from contextlib import redirect_stderr, redirect_stdout

import pytest
from typer.main import get_command

from splitlab.cli import main as cli
from splitlab.errors import RunError, SplitLabError

MOST_OUTPUT = 12_000
# No command gets to see these.
REFUSED_AT_ONCE = {
    "a very long word": "w" * 50_000,
    "309 digits": "9" * 309,
    "5,000 digits": "1" * 5000,
    "minus 309 digits": "-" + "9" * 309,
    "NUL": "a\0b",
    "an escape": "\x1b[2Jx",
    "half a letter": "\udcff",
}
HOSTILE = {
    "a long path": "/" + "x" * 300 + "/y",
    "1e309": "1e309",
    "nan": "nan",
    "18 digits": "-" + "9" * 18,
    "empty": "",
    "up": "../../../../etc/passwd",
    "a fraction": "0/0",
    "many": "1/2," * 300,
}


def commands(group, words=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name), command


APP = get_command(cli.app)
ALL = dict(commands(APP))


def takes_a_value(parameter):
    return not getattr(parameter, "is_flag", False)


CASES = [
    (words, parameter.name)
    for words, command in ALL.items()
    for parameter in command.params
    if takes_a_value(parameter) and parameter.name != "help"
]


def answer(words):
    """Run the command line as `main` does; return its output."""
    with redirect_stdout(io.StringIO()) as told, redirect_stderr(told):
        try:
            APP.main(words, prog_name="splitlab")
        except (SplitLabError, OSError) as error:
            told.write(cli._sentence(error))
        except SystemExit:
            pass
    return told.getvalue()


def words_of(words, name, value):
    """The command with one hostile value, and something for each argument that it must have."""
    told = list(words)
    behind = []
    for parameter in ALL[words].params:
        is_argument = parameter.param_type_name == "argument"
        if parameter.name == name:
            behind += [value] if is_argument else [f"{parameter.opts[0]}={value}"]
        elif is_argument and parameter.required:
            behind.append("nothing-here")
    return [*told, *behind]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPLITLAB_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("YOLO_OFFLINE", "true")


@pytest.mark.parametrize(("words", "name"), CASES, ids=[" ".join((*words, name)) for words, name in CASES])
def test_no_value_of_any_option_ends_in_a_traceback(words, name):
    for what, value in HOSTILE.items():
        told = answer(words_of(words, name, value))
        assert "Traceback" not in told, what
        assert len(told) < MOST_OUTPUT, what
        assert "\x1b[2J" not in told, what


@pytest.mark.parametrize("value", REFUSED_AT_ONCE.values(), ids=REFUSED_AT_ONCE)
@pytest.mark.parametrize("words", [("cost", "--full={}"), ("data", "check", "{}"), ("{}",), ("runs", "{}", "--json")])
def test_what_is_not_plain_text_of_a_bounded_length_reaches_no_command(words, value):
    told = answer([word.format(value) for word in words])
    assert any(word in told for word in ("characters", "digits"))
    assert len(told) < 500
    assert told.isprintable()


def test_a_folder_of_runs_that_is_not_there_is_a_fault():
    with pytest.raises(RunError, match="NO-SUCH-FOLDER is not a folder"):
        APP.main(["runs", "NO-SUCH-FOLDER"], prog_name="splitlab")


def test_a_fault_of_any_length_is_told_in_a_bounded_text_that_steers_no_terminal():
    told = cli._sentence(SplitLabError("start " + "\x1b[2J" * 100_000 + " end"))
    assert told.startswith("start ")
    assert told.endswith(" end")
    assert len(told) < 2100
    assert "\x1b" not in told
