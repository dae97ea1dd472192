import importlib.util
import re

import pytest

import splitlab
from splitlab.runs.run_folder import RunFolder
from splitlab.training.experiment import carry_out, prepare_run
from tests.docs.code_blocks import ROOT


@pytest.fixture(scope="module")
def make_reference():
    spec = importlib.util.spec_from_file_location("make_reference", ROOT / "scripts" / "make_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_what_the_code_gives(make_reference):
    made = make_reference.reference_pages()
    committed = {path.name: path.read_text() for path in (ROOT / "docs" / "reference").glob("*.md")}
    assert committed.keys() == made.keys()
    for name, text in made.items():
        assert committed[name] == text, f"docs/reference/{name} is old. Run: python scripts/make_reference.py"


def test_the_library_is_what_the_package_offers_and_nothing_else(make_reference):
    page = make_reference.library()
    told = re.findall(r"^(?:## |- `)([A-Za-z_]\w*)(?:`: `Prices\(.*)?$", page, re.MULTILINE)
    assert sorted(told) == sorted(["Constants", *splitlab.__all__])


def test_every_file_of_a_run_is_in_the_reference(make_reference, tiny_spec, tmp_path):
    run = prepare_run(tmp_path / "run", tiny_spec, tmp_path)
    carry_out(run, tmp_path)
    files = {str(path.relative_to(run.path)) for path in run.path.rglob("*") if path.is_file()}
    assert files <= set(make_reference.attributes_of(RunFolder, "Files"))
