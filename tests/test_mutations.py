"""The list of mutations that scripts/check_mutations.py tries by hand: it must fit the code as it stands."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("app", "budget", "cli", "data", "evaluation", "figures", "models", "queue", "sweeps", "training")


def load_script():
    spec = importlib.util.spec_from_file_location("check_mutations", ROOT / "scripts" / "check_mutations.py")
    script = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = script
    spec.loader.exec_module(script)
    return script


script = load_script()
MUTATIONS = script.read_mutations()


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: f"{mutation.file}: {mutation.new.strip()[:40]}")
def test_each_mutation_still_applies_and_its_tests_are_there(mutation):
    assert (ROOT / mutation.file).read_text().count(mutation.old) == 1, "change its `old` in scripts/mutations.toml"
    assert mutation.new != mutation.old
    assert mutation.tests
    assert all((ROOT / test).exists() for test in mutation.tests)


def test_there_are_forty_mutations_and_each_package_has_some():
    assert len(MUTATIONS) >= 40
    for package in PACKAGES:
        assert sum(f"src/splitlab/{package}/" in mutation.file for mutation in MUTATIONS) >= 2, package


def test_a_mutation_that_no_longer_applies_is_told_apart_from_one_that_survives(tmp_path):
    (tmp_path / "one.py").write_text("a = 1\n")
    assert script.verdict(script.Mutation("one.py", "a = 2", "a = 3", ("test_one.py",)), tmp_path)[0] == "NOT THERE"
    assert script.verdict(script.Mutation("gone.py", "a = 1", "a = 3", ("test_one.py",)), tmp_path)[0] == "NOT THERE"
