"""The wheel, installed into an environment of its own: `splitlab app` opens the whole app from any folder."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.app_server import ROOT, served

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    words = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """An environment with the wheel, and with the libraries of this one but not the checkout."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(pip, check=True, capture_output=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    # A folder named in a .pth file is searched last, and .pth files in it, such as a checkout's, are not read.
    (packages / "libraries.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n")
    return folder


@pytest.fixture(scope="module")
def env():
    """Without what would lead to the checkout."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH" and "SPLITLAB" not in name}


@pytest.fixture(scope="module")
def address(installed, env, tmp_path_factory):
    folder = tmp_path_factory.mktemp("anywhere")
    words = [str(installed / "bin" / "splitlab"), "app", "--port"]
    with served(words, folder, env, tmp_path_factory.mktemp("log") / "log") as address:
        yield address


def test_the_wheel_is_small_enough_to_download(wheel):
    assert wheel.stat().st_size <= 30e6


def test_the_installed_library_is_the_one_of_the_wheel(installed, env, tmp_path):
    code = "import splitlab as sl; print(sl.__file__); print(sl.load_checkpoint('pets-30-330').folder)"
    words = [str(installed / "bin" / "python"), "-c", code]
    done = subprocess.run(words, cwd=tmp_path, env=env, check=True, capture_output=True, text=True)
    for line in done.stdout.splitlines():
        assert Path(line).is_relative_to(installed)


def test_home_opens_with_the_colours_of_the_project(page, address):
    page.goto(address)
    page.get_by_role("heading", level=1).wait_for()
    side_bar = page.get_by_test_id("stSidebar")
    assert side_bar.evaluate("bar => getComputedStyle(bar).backgroundColor") == "rgb(244, 245, 250)"


def test_compare_lists_the_checkpoints_inside(page, address):
    page.goto(f"{address}/compare_masks")
    page.get_by_role("heading", name="Compare masks").wait_for()
    for split in ("30/330", "120/240"):
        page.get_by_text(split).first.wait_for()
