"""requirements.txt, requirements-dev.txt, constraints.txt and pyproject.toml agree."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = [line for extra in PROJECT["optional-dependencies"].values() for line in extra]


def lines_of(name):
    lines = (ROOT / name).read_text().splitlines()
    return [line for line in lines if line and not line.startswith(("#", "--"))]


def test_requirements_state_the_ranges_of_the_project():
    assert lines_of("requirements.txt") == PROJECT["dependencies"]
    assert "--editable ." in (ROOT / "requirements.txt").read_text().splitlines()


def test_the_tests_need_the_ranges_of_the_extras():
    ranges = {Requirement(line).name: line for line in EXTRAS}
    shared = [line for line in lines_of("requirements-dev.txt") if Requirement(line).name in ranges]
    assert len(shared) > 3
    assert shared == [ranges[Requirement(line).name] for line in shared]


def test_the_constraints_pin_every_dependency_within_its_range():
    pins = dict(re.match(r"([^=\s]+)==([^;\s]+)", line).groups() for line in lines_of("constraints.txt"))
    for requirement in map(Requirement, [*PROJECT["dependencies"], *EXTRAS]):
        pinned = pins.get(canonicalize_name(requirement.name))
        assert pinned is not None, f"{requirement.name}: run scripts/make_constraints.sh"
        assert requirement.specifier.contains(pinned), f"{requirement.name} {pinned}: run scripts/make_constraints.sh"
