"""What a measured row says of the code and of the machine."""

import re
import subprocess

import splitlab
from splitlab.atlas.measure import _machine_name, code_version


def test_code_and_machine_are_named_without_a_path():
    assert re.fullmatch(r"[0-9a-f]{10}\+?|[0-9.]+", code_version())
    assert _machine_name("cpu")
    assert not _machine_name("cpu").startswith("/")


def test_a_package_inside_of_another_projects_folder_does_not_take_its_commit(tmp_path, monkeypatch):
    package = tmp_path / "venv" / "splitlab"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.setattr("splitlab.atlas.measure._PACKAGE", package)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "theirs"]):
        subprocess.run([*git, *words], check=True)
    assert code_version() == splitlab.__version__
    for words in (["add", "venv"], ["commit", "-q", "-m", "ours"]):
        subprocess.run([*git, *words], check=True)
    assert re.fullmatch(r"[0-9a-f]{10}", code_version())
