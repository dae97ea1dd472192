"""Measure the structure of the code: module sizes, importers, public names, flat folders, silenced checks.

    python scripts/measure_structure.py            # this repository
    python scripts/measure_structure.py FOLDER     # another checkout of it

A module is a Python file of `src/splitlab`, `pages/` or `app.py`; an `__init__.py` with only a docstring is none.
Its importers are the modules that import it or a name from it. A public name is a function or class at the top of a
module, where neither it nor the module's path begins with an underscore; constants are counted apart. The app and the
command line are left out of that count: nothing imports them.
"""

from __future__ import annotations

import ast
import re
import statistics
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = "splitlab"
PRIVATE = re.compile(r"(^|\.)_(?!_)")
NOT_IMPORTED = re.compile(rf"^{PACKAGE}\.(app|cli|ui)(\.|$)")


@dataclass(frozen=True)
class Structure:
    """The figures of the table in the issue that asked for this structure."""

    modules: int
    lines: int
    median_lines: float
    most_lines: int
    single_importers: int
    root_names: int
    public_names: int
    public_constants: int
    most_flat_files: int
    fullest_folder: str
    type_ignores: int
    noqa: int


def measure(root: Path) -> Structure:
    """Measure the checkout at `root`."""
    library = {_module_name(path, root): path for path in sorted((root / "src" / PACKAGE).rglob("*.py"))}
    files = [*library.values(), root / "app.py", *sorted((root / "pages").glob("*.py"))]
    files = [path for path in files if path.name != "__init__.py" or len(ast.parse(path.read_text()).body) > 1]
    texts = {path: path.read_text(encoding="utf-8") for path in files}
    trees = {path: ast.parse(text) for path, text in texts.items()}
    lines = [len(text.splitlines()) for text in texts.values()]
    importers = _importers(library, trees)
    public = [
        path
        for name, path in library.items()
        if path in trees and not PRIVATE.search(name) and not NOT_IMPORTED.match(name)
    ]
    flat = Counter(str(path.parent.relative_to(root)) for path in files)
    folder, most = flat.most_common(1)[0]
    return Structure(
        modules=len(files),
        lines=sum(lines),
        median_lines=statistics.median(lines),
        most_lines=max(lines),
        single_importers=sum(len(found) == 1 for found in importers.values()),
        root_names=len(_exported(trees[library[PACKAGE]])) if library[PACKAGE] in trees else 0,
        public_names=sum(len(_public_definitions(trees[path])) for path in public),
        public_constants=sum(len(_public_constants(trees[path])) for path in public),
        most_flat_files=most,
        fullest_folder=folder,
        type_ignores=sum(text.count("# type: ignore") for text in texts.values()),
        noqa=sum(text.count("# noqa") for text in texts.values()),
    )


def _module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root / "src").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _importers(library: dict[str, Path], trees: dict[Path, ast.Module]) -> dict[str, set[Path]]:
    importers: dict[str, set[Path]] = defaultdict(set)
    for path, tree in trees.items():
        for node in ast.walk(tree):
            for name in _imported(node, library):
                if library[name] != path:
                    importers[name].add(path)
    return importers


def _imported(node: ast.AST, library: dict[str, Path]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names if alias.name in library]
    if isinstance(node, ast.ImportFrom) and node.module in library:
        module = str(node.module)
        return [full if (full := f"{module}.{alias.name}") in library else module for alias in node.names]
    return []


def _exported(tree: ast.Module) -> list[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and "__all__" in _targets(node):
            return [item.value for item in ast.walk(node) if isinstance(item, ast.Constant)]
    return []


def _targets(node: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _public_definitions(tree: ast.Module) -> list[str]:
    definitions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef))
    return [node.name for node in definitions if not node.name.startswith("_")]


def _public_constants(tree: ast.Module) -> list[str]:
    assignments = (node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign))
    return [name for node in assignments for name in _targets(node) if not name.startswith("_")]


def main() -> None:
    """Print the table."""
    found = measure(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)
    rows = {
        "modules / thousand lines": (f"{found.modules} / {found.lines / 1000:.1f}", "at most 230 / 33"),
        "lines a module, median (max)": (f"{found.median_lines:.0f} ({found.most_lines})", "130 to 200 (400)"),
        "modules with exactly one importer": (str(found.single_importers), "at most 45"),
        "names in the root __init__": (str(found.root_names), "about 20"),
        "public functions and classes (constants)": (f"{found.public_names} ({found.public_constants})", "at most 300"),
        "flat files in one folder, most": (f"{found.most_flat_files} ({found.fullest_folder})", "at most 16"),
        "type ignores / noqa": (f"{found.type_ignores} / {found.noqa}", "at most 6 / 12"),
    }
    for title, (value, target) in rows.items():
        print(f"{title:42} {value:34} {target}")


if __name__ == "__main__":
    main()
