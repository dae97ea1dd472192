"""Write docs/reference from the code: commands, settings, files and what `import splitlab` offers.

Run: python scripts/make_reference.py. A test fails while the committed pages differ from what this gives.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_type_hints

from typer.main import get_command

import splitlab
from splitlab.budget.results import COLUMN_TYPES, SPREAD_COLUMNS, ResultRow, over_seeds
from splitlab.checkpoints.checkpoint import Card
from splitlab.cli.main import app
from splitlab.runs.recipes import EPOCHS, RECIPES, STEPS_WITHOUT_W
from splitlab.runs.run_folder import RunFolder, Status
from splitlab.runs.spec import PARTS, SETTINGS, RunSpec

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"
MADE = "Made from the code by `scripts/make_reference.py`; change it there."
KINDS = {int: "number", float: "number", Path: "path"}
Rows = Iterable[Sequence[str]]


def main() -> None:
    """Write all pages."""
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name, text in reference_pages().items():
        (REFERENCE / name).write_text(text)


def reference_pages() -> dict[str, str]:
    """Return each page's text by its file's name."""
    return {
        "command-line.md": command_line(),
        "settings.md": settings(),
        "results-and-files.md": results_and_files(),
        "library.md": library(),
    }


def command_line() -> str:
    """Return a section for each command: what it does, its arguments and options, an example."""
    commands = dict(sorted(_commands(get_command(app), "splitlab")))
    index = " · ".join(f"[{name.removeprefix('splitlab ')}](#{_anchor(name)})" for name in commands)
    sections = [_command_section(name, command) for name, command in commands.items()]
    lead = (
        "Every command takes `--help`. With `--json` a command prints JSON and nothing else on standard output. The "
        "exit status is 0 for success, 1 for an error, 2 for an unknown option, 130 after Ctrl-C."
    )
    return _page("The command line", lead, index, *sections)


def settings() -> str:
    """Return the settings of a run with their defaults and meaning, and what each recipe sets."""
    meaning = {part: attributes_of(holder) for part, holder in {"": RunSpec, **PARTS}.items()}
    rows = [(f"`{n}`", _default(one.default), meaning[one.part][one.field]) for n, one in SETTINGS.items()]
    changed = sorted({name for recipe in RECIPES.values() for name in recipe}, key=list(SETTINGS).index)
    by_recipe = [(f"`{n}`", *(_default(recipe.get(n, MISSING)) for recipe in RECIPES.values())) for n in changed]
    return _page(
        "Settings of a run",
        "They stand in a run's `spec.json`. `splitlab train` has options for the usual ones and `--set NAME=VALUE` for "
        "all; in the file of a sweep they stand under `settings`.",
        _entries(rows),
        "## What follows from them",
        _entries((f"`{name}`", "", text) for name, text in _properties(RunSpec)),
        "## Recipes\n\nA recipe is a name for settings that belong together; what you give yourself goes over it. "
        "`quick` is used where none is named. An empty cell is the default.",
        _table(("setting", *RECIPES), by_recipe),
        _lengths(),
    )


def _lengths() -> str:
    without_w = " and ".join(f"`{name}` {steps:,}" for name, steps in STEPS_WITHOUT_W.items())
    by_epochs = ". ".join(
        f"`{name}` has {boxes} epochs of the boxes of F and W, then {masks} of the masks of F; its steps above are "
        "those of the split 800/3000"
        for name, (boxes, masks) in EPOCHS.items()
    )
    return f"Steps where W is empty: {without_w}. {by_epochs}."


def results_and_files() -> str:
    """Return the columns of the results table and the files of a run and a checkpoint."""
    columns = attributes_of(ResultRow)
    rows = [(f"`{name}`", kind, columns[name]) for name, kind in COLUMN_TYPES.items()]
    spread = ", ".join(f"`{end}`" for ends in SPREAD_COLUMNS.values() for end in ends)
    return _page(
        "Results and files",
        "What `splitlab results --csv` writes, and what lies in the folders.",
        "## Columns of the results table",
        _entries(rows),
        "`splitlab results` has one row for all seeds of a split: each score is the mean, `seeds` says how many, and "
        f"the ends of the spread stand in {spread}. {_returns(over_seeds)}",
        "## Files of a run folder",
        _table(("file", "what it says"), ((f"`{n}`", text) for n, text in attributes_of(RunFolder, "Files").items())),
        "## status.json",
        _table(("name", "meaning"), ((f"`{name}`", text) for name, text in attributes_of(Status).items())),
        "## card.json, the card of a checkpoint",
        _table(("name", "meaning"), ((f"`{name}`", text) for name, text in attributes_of(Card).items())),
    )


def library() -> str:
    """Return a section for each name in `splitlab.__all__`: how it is called, and its docstring."""
    public = {name: getattr(splitlab, name) for name in splitlab.__all__}
    functions = {name: value for name, value in public.items() if inspect.isfunction(value)}
    classes = {name: value for name, value in public.items() if isinstance(value, type)}
    constants = [f"- `{name}`: `{value}`" for name, value in public.items() if name not in {*functions, *classes}]
    return _page(
        "The library",
        _paragraphs(splitlab.__doc__),
        *(_function_section(name, function) for name, function in functions.items()),
        *(_class_section(name, described) for name, described in classes.items()),
        "## Constants\n\n" + "\n".join(constants),
    )


def _function_section(name: str, function: Any) -> str:
    node = ast.parse(inspect.getsource(function)).body[0]
    assert isinstance(node, ast.FunctionDef)  # noqa: S101 (a mistake of ours)
    returned = ast.unparse(node.returns) if node.returns else "None"
    return f"## {name}\n\n`{name}({ast.unparse(node.args)}) -> {returned}`\n\n{_docstring(function)}"


def _class_section(name: str, described: type) -> str:
    parts = [f"## {name}"]
    if is_dataclass(described):
        named = (f"{f.name}: {getattr(f.type, '__name__', f.type)}" for f in fields(described))
        parts.append(f"`{name}({', '.join(named)})`")
    members = [f"- `{name}`: {text}" for name, text in (*_methods(described), *_properties(described))]
    listed = ["Methods and properties:", "\n".join(members)] if members else []
    return "\n\n".join([*parts, _docstring(described), *listed])


def _methods(described: type) -> Iterator[tuple[str, str]]:
    for name, member in vars(described).items():
        function = getattr(member, "__func__", member)
        if inspect.isfunction(function) and not name.startswith("_"):
            node = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
            assert isinstance(node, ast.FunctionDef)  # noqa: S101 (a mistake of ours)
            words = [argument.arg for argument in node.args.args[1:]]
            yield f"{name}({', '.join(words)})", _first_line(function.__doc__)


def _docstring(described: Any) -> str:
    """Return a docstring as Markdown: its paragraphs, and a list for each section."""
    return "\n\n".join(_docstring_part(part) for part in inspect.cleandoc(described.__doc__).split("\n\n"))


def _docstring_part(part: str) -> str:
    head, _, body = part.partition(":\n")
    if head not in ("Args", "Attributes", "Raises", "Returns"):
        return _sentence(part)
    body = textwrap.dedent(body)
    if head == "Returns":
        return f"Returns: {_sentence(body)}"
    entries = (entry.partition(": ") for entry in re.split(r"^(?=\S)", body, flags=re.MULTILINE) if entry)
    return f"{head}:\n\n" + "\n".join(f"- `{name}`: {_sentence(text)}" for name, _, text in entries)


def attributes_of(described: type, heading: str = "Attributes") -> dict[str, str]:
    """Read a section of a class's docstring: what it says of each name."""
    section = re.search(rf"^ *{heading}:\n((?: {{8}}.*\n|\n)+)", described.__doc__ or "", re.MULTILINE)
    assert section, f"{described.__name__} has no section {heading}"  # noqa: S101 (a mistake of ours)
    entries = re.split(r"^ {8}(?=\S)", section[1], flags=re.MULTILINE)[1:]
    found = {}
    for entry in entries:
        names, _, text = entry.partition(": ")
        found.update(dict.fromkeys(names.split(", "), _sentence(text)))
    return found


def _properties(described: type) -> Iterator[tuple[str, str]]:
    for name, member in vars(described).items():
        if isinstance(member, property):
            yield name, _sentence(member.__doc__ or "")


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    subcommands: Mapping[str, Any] = getattr(command, "commands", {})
    if name != "splitlab" and (not subcommands or not command.no_args_is_help):
        yield name, command
    for word, subcommand in subcommands.items():
        yield from _commands(subcommand, f"{name} {word}")


def _command_section(name: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.name not in ("help", "as_json")]
    kinds = get_type_hints(inspect.unwrap(command.callback))
    words = [a.metavar or str(a.name).upper() for a in arguments]
    words += ["[--json]"] if any(p.name == "as_json" for p in command.params) else []
    entries = [f"- `{a.metavar or str(a.name).upper()}`: {a.help}" for a in arguments if a.help]
    entries += [_option_entry(option, kinds[option.name]) for option in options]
    parts = [f"## {name}", _paragraphs(command.help), f"`{' '.join([name, *words])}`", "\n".join(entries)]
    return "\n\n".join(part for part in (*parts, command.epilog) if part)


def _option_entry(option: Any, kind: Any) -> str:
    shown = "" if option.is_flag else option.metavar or _kind(kind)
    default = "" if option.is_flag else _default(option.default)
    notes = "needed" if option.required else f"default {default}" if default not in ("", "empty") else ""
    return f"- `{f'{option.opts[0]} {shown}'.strip()}`{f' ({notes})' if notes else ''}: {option.help or ''}"


def _kind(annotation: Any) -> str:
    """Say what an option takes: its choices, or what kind of value."""
    kinds = [kind for kind in (*get_args(annotation), annotation) if isinstance(kind, type)]
    if issubclass(kinds[0], Enum):
        return "|".join(choice.value for choice in kinds[0])
    return KINDS.get(kinds[0], "text")


def _default(value: Any) -> str:
    if value in (MISSING, None):
        return ""
    value = getattr(value, "value", value)
    shown = f"{value:.4g}" if isinstance(value, float) else str(value)
    return f"`{shown.lower() if isinstance(value, bool) else shown}`" if shown else "empty"


def _returns(function: Any) -> str:
    """Return what a function's docstring says of the spread."""
    return "The ends are " + _sentence(
        function.__doc__.partition("two ends of its spread")[2].partition("):")[2].split("\n\n")[0]
    )


def _first_line(docstring: str | None) -> str:
    return _sentence((docstring or "").strip().split("\n\n")[0])


def _paragraphs(text: str | None) -> str:
    return "\n\n".join(_sentence(part) for part in (text or "").strip().split("\n\n"))


def _sentence(text: str) -> str:
    return " ".join(text.split())


def _anchor(heading: str) -> str:
    return heading.replace(" ", "-")


def _entries(rows: Rows) -> str:
    return "\n".join(f"- {name}{f' ({note})' if note else ''}: {text}" for name, note, text in rows)


def _table(head: Sequence[str], rows: Rows) -> str:
    lines = [tuple(head), ("---",) * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\\\\|", "\\|") for cell in line) + " |" for line in lines
    )


def _page(title: str, lead: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", lead, *parts, f"*{MADE}*"]) + "\n"


if __name__ == "__main__":
    main()
