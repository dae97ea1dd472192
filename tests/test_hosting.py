import ast
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
from streamlit import config

from splitlab.app.hosting import _VARIABLES, Hosting
from splitlab.errors import SettingsError

ROOT = Path(__file__).parents[1]


def test_without_variables_everything_is_allowed():
    assert Hosting.here() == Hosting()
    Hosting.here().require_writable("Training")


def test_every_setting_is_read_from_its_variable(monkeypatch):
    values = {"read_only": True, "upload_megabytes": 9, "models_in_memory": 2}
    values |= {"session_photo_megabytes": 20, "photo_megabytes": 30}
    for name, value in values.items():
        monkeypatch.setenv(_VARIABLES[name], str(value))
    assert Hosting.here() == Hosting(**values)
    assert set(_VARIABLES) == {field.name for field in fields(Hosting)}


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("SPLITLAB_READ_ONLY", "perhaps"),
        ("SPLITLAB_UPLOAD_MB", "0"),
        ("SPLITLAB_UPLOAD_MB", "ten"),
        ("SPLITLAB_MODELS_IN_MEMORY", "-1"),
        ("SPLITLAB_PHOTO_MB", "10000000000"),
        ("SPLITLAB_SESSION_PHOTO_MB", "5000"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_variable(monkeypatch, variable, text):
    monkeypatch.setenv(variable, text)
    with pytest.raises(SettingsError, match=f"{variable} is '?{text}.*Set it to"):
        Hosting.here()


@pytest.mark.parametrize(("text", "expected"), [("1", True), ("YES", True), ("0", False), ("off", False), ("", False)])
def test_yes_and_no_are_understood(monkeypatch, text, expected):
    monkeypatch.setenv("SPLITLAB_READ_ONLY", text)
    assert Hosting.here().read_only is expected


def test_a_read_only_server_says_what_is_off_and_the_way_out():
    with pytest.raises(SettingsError, match=r"Training is off: this server is read-only.*your own machine"):
        Hosting(read_only=True).require_writable("Training")


def test_the_servers_own_settings_are_known_to_streamlit_and_keep_its_protections_on():
    stated = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    for section, options in stated.items():
        for name, value in options.items():
            if not isinstance(value, dict):
                config.get_option(f"{section}.{name}")
    server = stated["server"]
    assert server["enableXsrfProtection"] is server["enableCORS"] is True
    assert server["maxUploadSize"] == Hosting().upload_megabytes
    assert server["fileWatcherType"] == "none"
    assert stated["browser"]["gatherUsageStats"] is False


def test_the_page_on_hosting_states_every_setting_with_its_default():
    lines = (ROOT / "docs" / "hosting.md").read_text().splitlines()
    for name, variable in _VARIABLES.items():
        stated = next(line for line in lines if line.startswith(f"| `{variable}` |"))
        assert stated.split("|")[2].split()[0] == str(int(getattr(Hosting(), name)))


# What changes the work space, by the names that pages import.
CHANGES = {
    "launch", "ensure_worker", "enqueue", "changing_queue", "move", "take_out", "cancel", "delete", "prepare_run",
    "open_sweep", "make_folders", "publish", "write_notes", "add_tag", "save_split", "get_dataset",
    "stage_archive", "stage_files", "keep", "save_cut", "delete_cut", "without_cut", "save_reading",
    "import_checkpoint", "import_own", "find_checkpoint", "get_checkpoint", "push_checkpoint",
    "rmtree", "write_json", "write_bytes",
    "new_project", "start_round", "hand_over", "take", "queue_pilot", "queue_labels",
}  # fmt: skip


@pytest.mark.parametrize(
    "path", [*(ROOT / "pages").glob("*.py"), *(ROOT / "src/splitlab/app").rglob("*.py")], ids=lambda path: path.name
)
def test_a_page_that_changes_the_work_space_asks_first_whether_it_may(path):
    tree = ast.parse(path.read_text())
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for name in node.names}
    asked = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    if imported & CHANGES:
        assert {"require_writable", "read_only"} & asked, (
            f"{imported & CHANGES} without Hosting.here().require_writable"
        )
