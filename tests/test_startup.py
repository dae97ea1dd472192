"""What takes long to import is absent where nothing needs it."""

import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).parents[1] / "pages" / "home.py"
NUMBERS = {"numpy", "pandas", "scipy"}
HEAVY = {"torch", "torchvision", "timm", "ultralytics", "streamlit", "plotly", "matplotlib", "pyarrow", "cv2"}
LOADED = "import sys; print(' '.join(sys.modules), file=sys.stderr)"
COMMAND = f"""
import contextlib
from splitlab.cli.main import main

with contextlib.suppress(SystemExit):
    main()
{LOADED}
"""


def modules_after(code, *words):
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.splitlines()[-1].split())
    assert "splitlab" in loaded
    return loaded, done.stdout


def test_the_package_by_itself_imports_nothing_heavy():
    loaded, _ = modules_after(f"import splitlab; {LOADED}")
    assert not loaded & (NUMBERS | HEAVY | {"typer", "rich"})


def test_help_imports_no_module_of_commands():
    loaded, told = modules_after(COMMAND, "--help")
    assert "equiscore" in told
    assert not loaded & (NUMBERS | HEAVY)
    of_cli = {name.removeprefix("splitlab.cli.") for name in loaded if name.startswith("splitlab.cli.")}
    assert of_cli == {"main", "command_order", "output"}


def test_cost_imports_no_library_of_numbers():
    loaded, told = modules_after(COMMAND, "cost", "--full", "400", "--json")
    assert '"hours": 26.6' in told
    assert not loaded & (NUMBERS | HEAVY)


@pytest.mark.parametrize("of", [("--hours", "80"), ("--score", "50"), ("--at", "400/5000")])
def test_a_plan_by_published_results_imports_neither_pandas_nor_statistics(of):
    loaded, told = modules_after(COMMAND, "plan", *of, "--json")
    assert '"ap": ' in told
    assert not loaded & (HEAVY | {"pandas", "scipy.stats", "splitlab.budget.pilot"})
    assert not [name for name in loaded if name.startswith("rich.progress")]


def test_home_imports_no_numbers_before_its_title():
    imports = "[line for line in ast.parse(page).body if isinstance(line, (ast.Import, ast.ImportFrom))]"
    code = f"import ast, pathlib; page = pathlib.Path({str(HOME)!r}).read_text()\n"
    loaded, _ = modules_after(f"{code}exec(compile(ast.Module({imports}, []), 'home', 'exec')); {LOADED}")
    assert "splitlab.app.navigation" in loaded
    assert not loaded & {"cv2", "torch", "scipy", "pandas", "splitlab.budget", "splitlab.figures"}
