"""A server for visitors: what a read-only one leaves out and refuses, and what photos may take."""

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.testing.v1 import AppTest

from splitlab.app.hosting import Hosting
from splitlab.app.widgets.checkpoints import _find, _get, _import
from splitlab.app.widgets.photos import _photo_memory
from splitlab.app.widgets.uploads import MEGABYTE
from splitlab.checkpoints.files import facts_of, zipped
from splitlab.errors import CheckpointError, SettingsError
from splitlab.models.checkpoint_repository import find_checkpoint
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.spec import RunSpec
from splitlab.workspace import Workspace
from tests.checkpoints import write_checkpoint
from tests.hugging_face_server import files_of, hugging_face

ROOT = Path(__file__).parents[2]


@pytest.fixture
def read_only(monkeypatch):
    monkeypatch.setenv("SPLITLAB_READ_ONLY", "1")


@pytest.fixture
def shared(tmp_path):
    return write_checkpoint(tmp_path / "theirs" / "shared")


@pytest.fixture
def server(monkeypatch):
    with hugging_face(monkeypatch) as server:
        yield server


def open_page(name):
    app = AppTest.from_file(ROOT / "app.py", default_timeout=60).run()
    app.switch_page(f"pages/{name}.py").run()
    assert not app.exception
    return app


def said(app):
    return " ".join(element.value for kind in (app.markdown, app.caption, app.error, app.success) for element in kind)


def button(app, label):
    return next(found for found in app.button if found.label == label)


def photo_file(side=400, name="photo.png"):
    buffer = io.BytesIO()
    noise = np.random.default_rng(side).integers(0, 255, (side, side, 3), np.uint8)
    Image.fromarray(noise).save(buffer, "PNG")
    return name, buffer.getvalue(), "image/png"


def everything_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) if folder.exists() else []


@pytest.mark.parametrize(
    ("page", "what", "labels"),
    [
        ("train", "Training", {"Start training", "Stop", "Resume", "Delete", "Queue"}),
        ("data", "Adding datasets", {"Add a dataset", "Add dataset", "Save"}),
        ("compare_masks", "Importing checkpoints", {"Import checkpoint", "Look up", "Download and import"}),
    ],
)
def test_a_read_only_page_says_what_is_off_and_has_no_control_for_it(page, what, labels, read_only, embedded):
    run = RunFolder.create(Workspace.here().runs / "one", RunSpec.of("embedded", 4, 6, steps=20), {})
    run.write_status(State.RUNNING, 10, 20, "")
    app = open_page(page)
    assert f"{what} is off: this server is read-only" in said(app)
    assert not labels & {found.label for found in app.button}
    assert len(app.get("file_uploader")) == (page == "compare_masks")


def test_what_pages_call_is_refused_on_a_read_only_server_too(read_only, shared, server, tmp_path):
    workspace = Workspace.here()
    with pytest.raises(SettingsError, match="read-only"):
        _import(io.BytesIO(zipped(shared)), True, workspace.imported / "mine")
    server.commit("lab/shared", files_of(shared))
    with pytest.raises(SettingsError, match="read-only"):
        _find("lab/shared")
    with pytest.raises(SettingsError, match="read-only"):
        _get(find_checkpoint("lab/shared"), workspace.imported / "mine")
    assert everything_in(workspace.root) == []


def test_a_wrong_setting_of_the_server_is_a_sentence_on_every_page(monkeypatch):
    monkeypatch.setenv("SPLITLAB_PHOTO_MB", "plenty")
    app = AppTest.from_file(ROOT / "app.py", default_timeout=60).run()
    assert "SPLITLAB\\_PHOTO\\_MB is 'plenty'" in app.error[0].value
    assert not app.exception


def test_a_repository_is_looked_at_its_card_read_and_its_checkpoint_got(server, shared):
    commit = server.commit("lab/shared", files_of(shared))
    server.commit("lab/shared", files_of(write_checkpoint(shared.with_name("newer"), data_licence="unclear")))
    app = open_page("compare_masks")
    assert button(app, "Look up").disabled
    app.text_input(key="repository").set_value("lab/shared").run()
    button(app, "Look up").click().run()
    assert "unclear" in said(app)
    app.text_input(key="revision").set_value(commit).run()
    assert not [found for found in app.button if found.label == "Download and import"]
    button(app, "Look up").click().run()
    assert "CC0-1.0" in said(app)
    assert commit in said(app)
    button(app, "Download and import").click().run()
    assert not app.exception
    assert facts_of(Workspace.here().imported / "shared")["model.safetensors"] == facts_of(shared)["model.safetensors"]
    assert [note.value for note in app.success] == ["'shared' was imported. Pick it from the list of checkpoints."]
    assert any("(shared)" in label for label in app.multiselect(key="models").options)
    app.run()
    assert not app.success


def test_visitors_do_not_see_what_the_token_of_the_server_s_owner_sees(server, shared, monkeypatch):
    server.commit("lab/shared", files_of(shared))
    server.private.add("lab/shared")
    monkeypatch.setenv("HF_TOKEN", "secret")
    assert find_checkpoint("lab/shared").card.name == "shared"
    app = open_page("compare_masks")
    app.text_input(key="repository").set_value("lab/shared").run()
    button(app, "Look up").click().run()
    assert "you have no access" in said(app)


@pytest.mark.parametrize("where", ["{folder}", "/etc", "..", "file:///etc", "~", "http://127.0.0.1/hub", "a/b/c"])
def test_a_visitor_names_no_folder_and_no_server(server, shared, where):
    with pytest.raises(CheckpointError, match="is not a repository"):
        _find(where.format(folder=shared))
    assert server.sent == []


def test_a_zip_of_ours_shows_its_card_before_it_is_imported(shared):
    app = open_page("compare_masks")
    content = zipped(shared)
    app.get("file_uploader")[-1].set_value(("mine.zip", content, "application/zip")).run()
    assert "CC0-1.0" in said(app)
    assert not Workspace.here().imported.exists()
    button(app, "Import checkpoint").click().run()
    assert "'mine' was imported" in said(app)


@pytest.mark.parametrize("name", ["../../outside", "/outside", "a/b", "..", ".hidden"])
def test_a_name_typed_for_an_import_never_leads_out(shared, tmp_path, name):
    app = open_page("compare_masks")
    app.get("file_uploader")[-1].set_value(("mine.zip", zipped(shared), "application/zip")).run()
    app.text_input(key="weights_name").set_value(name).run()
    button(app, "Import checkpoint").click().run()
    assert "cannot be the name of a checkpoint" in said(app)
    assert not Workspace.here().imported.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["theirs"]


@pytest.mark.parametrize("name", ["../../outside", "/outside", "..", "a/../../b"])
def test_a_name_typed_for_a_split_or_a_dataset_never_leads_out(embedded, tiny_folder, tmp_path, name):
    before = everything_in(tmp_path)
    app = open_page("data")
    next(box for box in app.text_input if box.label == "Name").set_value(name).run()
    button(app, "Save").click().run()
    assert "is not a valid split name" in said(app)
    archive = Path(shutil.make_archive(str(tmp_path.parent / f"{tmp_path.name}-mine"), "zip", tiny_folder))
    app.button(key="add").click().run()
    app.get("file_uploader")[0].set_value(("mine.zip", archive.read_bytes(), "application/zip")).run()
    app.text_input(key="archive_name").set_value(name).run()
    button(app, "Add dataset").click().run()
    assert "is not a valid dataset name" in said(app)
    button(app, "Cancel").click().run()
    assert everything_in(tmp_path) == before


@pytest.mark.parametrize("page", ["train", "data", "compare_masks", "errors"])
def test_a_link_that_names_a_path_opens_none(embedded, page, tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "spec.json").write_text('{"data": "stolen"}')
    app = AppTest.from_file(ROOT / "app.py", default_timeout=60)
    for key in ("data", "run", "models", "photo", "image", "split", "checkpoint"):
        app.query_params[key] = f"../../secret/{key}"
    app.run()
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception
    assert "secret" not in said(app)


def test_photos_are_counted_and_given_back_when_they_are_removed():
    memory = _photo_memory()
    before = memory.taken
    app = open_page("compare_masks")
    uploader = app.get("file_uploader")[0]
    files = [photo_file(400, "one.png"), photo_file(300, "two.png")]
    uploader.set_value(files).run()
    taken = sum(len(content) for _, content, _ in files) + 3 * (400**2 + 300**2)
    assert memory.taken - before == taken
    app.get("file_uploader")[0].set_value([]).run()
    assert memory.taken == before


def test_a_photo_over_the_limit_of_a_visitor_is_refused_and_not_held(monkeypatch):
    monkeypatch.setenv("SPLITLAB_SESSION_PHOTO_MB", "9")
    dropped, remove = [], MemoryUploadedFileManager.remove_file
    monkeypatch.setattr(
        MemoryUploadedFileManager,
        "remove_file",
        lambda manager, session_id, file_id: (dropped.append(file_id), remove(manager, session_id, file_id)),
    )
    memory = _photo_memory()
    before = memory.taken
    app = open_page("compare_masks")
    app.get("file_uploader")[0].set_value([photo_file(400, "small.png"), photo_file(900, "large.png")]).run()
    assert "large.png was not kept" in said(app)
    assert memory.taken - before < 2 * MEGABYTE
    assert len(dropped) == 1
    assert app.selectbox(key="photo").options[0] == "small.png"
    assert not app.exception


def test_the_server_takes_no_larger_upload_than_the_setting_says(monkeypatch):
    from streamlit import config

    monkeypatch.setenv("SPLITLAB_UPLOAD_MB", "7")
    AppTest.from_file(ROOT / "app.py", default_timeout=60).run()
    assert config.get_option("server.maxUploadSize") == 7
    monkeypatch.delenv("SPLITLAB_UPLOAD_MB")
    AppTest.from_file(ROOT / "app.py", default_timeout=60).run()
    assert config.get_option("server.maxUploadSize") == Hosting().upload_megabytes


def test_the_first_checkpoint_of_all_can_be_imported_from_the_page(shared, monkeypatch, tmp_path):
    monkeypatch.setenv("SPLITLAB_CHECKPOINTS", str(tmp_path / "none"))
    app = open_page("compare_masks")
    app.get("file_uploader")[0].set_value(("mine.zip", zipped(shared), "application/zip")).run()
    button(app, "Import checkpoint").click().run()
    assert facts_of(Workspace.here().imported / "mine")
    assert "'mine' was imported" in said(app)
    assert len(app.multiselect(key="models").options) == 1
