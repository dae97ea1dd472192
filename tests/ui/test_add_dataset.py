"""Adding a dataset on the page Data: what is seen before it is kept, what is kept, and what is left behind."""

import io
import json
import tarfile
from collections import defaultdict

import pytest

from splitlab.app.widgets import uploads
from splitlab.data.open_dataset import open_dataset
from splitlab.workspace import Workspace
from tests.ui.datasets import half_masked, photos_alone, without_val, zipped
from tests.ui.opened import open_page, texts

pytestmark = pytest.mark.usefixtures("embedded")


def adding(*files, way=None):
    app = open_page("data")
    app.button(key="add").click().run()
    if way:
        app.segmented_control(key="way_to_add").set_value(way).run()
    app.get("file_uploader")[0].set_value([(name, content, "") for name, content in files] if way else files[0]).run()
    assert not app.exception
    return app


def exported(folder, name="mine.zip"):
    return name, zipped(folder), "application/zip"


def counts(app):
    """The table of counts: rows of words without their tags."""
    (table,) = (found.proto.body for found in app.get("html") if "class='counts'" in found.proto.body)
    rows = table.split("<table")[1].split("<tr>")[2:]
    words = (row.replace("</td>", "").replace("</tr>", "").split("<td>")[1:] for row in rows)
    return {label: (train, val.removesuffix("</table>")) for label, train, val in words}


def press(app, label):
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception


def drafts():
    return list(Workspace.here().data.glob(".import-*"))


def kept():
    return {path.name for path in Workspace.here().data.glob("[!.]*")} - {"embedded"}


def test_an_export_is_shown_before_it_is_kept_and_opened_after(tiny_folder):
    app = adding(exported(tiny_folder))
    assert "Recognised as **COCO**, 2 classes" in texts(app)
    assert counts(app) == {"images": ("12", "4"), "masks": ("12", "4"), "objects": ("12", "4")}
    assert len(app.get("image")) == 6  # three photos, as F and as W see them
    assert "every label fits" in app.success[0].value
    assert not app.toggle  # it has a val part
    assert kept() == set()
    press(app, "Add dataset")
    assert app.success[0].value == "Added 'mine' with 12 training images and 4 val images."
    assert app.selectbox(key="data").value == "mine"
    assert kept() == {"mine"}
    assert not drafts()


def test_a_tar_is_unpacked_too(tiny_folder):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.add(tiny_folder, "tiny")
    app = adding(("mine.tar.gz", buffer.getvalue(), "application/gzip"))
    assert app.text_input(key="archive_name").value == "mine"
    assert counts(app)["images"] == ("12", "4")


def test_a_val_part_is_cut_while_adding_unless_it_is_switched_off(tiny_folder, tmp_path):
    app = adding(exported(without_val(tiny_folder, tmp_path / "mine")))
    assert counts(app)["images"] == ("10", "2")
    app.toggle(key="cut_on_adding").set_value(False).run()
    assert counts(app)["images"] == ("12", "0")
    app.toggle(key="cut_on_adding").set_value(True).run()
    press(app, "Add dataset")
    assert "10 training images and 2 val images" in app.success[0].value
    data = open_dataset("mine", Workspace.here().data)
    assert (len(data.train.images), len(data.val.images)) == (10, 2)


def test_copies_of_one_photo_are_added_without_a_val_part(tiny_folder, tmp_path):
    folder = without_val(tiny_folder, tmp_path / "mine")
    photos = sorted((folder / "images").iterdir())
    for photo in photos[1:]:
        photo.write_bytes(photos[0].read_bytes())
    app = adding(exported(folder))
    assert "none can be cut yet" in texts(app)
    press(app, "Add dataset")
    assert kept() == {"mine"}


def test_photos_alone_are_counted_and_kept_without_a_val_part(tiny_folder, tmp_path):
    photos = [(path.name, path.read_bytes()) for path in photos_alone(tiny_folder, tmp_path / "photos").iterdir()]
    app = adding(*photos, way="photos")
    assert counts(app) == {"images": ("12", "0"), "not labelled": ("12", "0")}
    assert "none can be cut yet" in texts(app)
    assert len(app.get("image")) == 3
    press(app, "Add dataset")
    assert kept() == {"photos"}


def test_a_folder_arrives_with_its_folders_and_is_named_after_it(tiny_folder):
    files = [
        (f"leaves/{path.relative_to(tiny_folder)}", path.read_bytes())
        for path in sorted(tiny_folder.rglob("*"))
        if path.is_file()
    ]
    app = adding(*files, ("leaves/older.zip", b"not looked at"), way="a folder")
    assert counts(app)["masks"] == ("12", "4")
    assert app.text_input(key="archive_name").value == "leaves"
    press(app, "Add dataset")
    assert (Workspace.here().data / "leaves" / "instances_train.json").is_file()


def test_a_file_that_would_lie_outside_is_refused_as_in_an_archive(tiny_folder):
    photo = (tiny_folder / "images" / "train_1.png").read_bytes()
    app = adding(("a/1.png", photo), ("../../2.png", photo), way="a folder")
    assert "would lie outside the folder" in app.error[0].value
    assert not drafts()


def test_half_masked_and_broken_images_are_counted_and_problems_come_by_kind(tiny_folder, tmp_path):
    folder = half_masked(tiny_folder, tmp_path / "mine")
    content = json.loads((folder / "instances_val.json").read_text())
    content["annotations"][0]["bbox"] = ["no", "box", 1, 1]
    content["annotations"][0]["segmentation"] = []
    (folder / "instances_val.json").write_text(json.dumps(content))
    (folder / "images" / "train_5.png").write_bytes(b"no photo")
    app = adding(exported(folder))
    assert counts(app)["half-masked"] == ("3", "0")
    assert counts(app)["labels broken"] == ("0", "1")
    assert "1 x unreadable photo" in app.warning[0].value
    files = list(app.dataframe[0].value["file"])
    assert "mine.zip/images/train_5.png" in files
    press(app, "Add dataset")
    assert kept() == {"mine"}


def test_what_is_no_dataset_gets_a_sentence_and_leaves_nothing_behind():
    app = adding(("mine.zip", b"no zip", "application/zip"))
    assert "mine.zip" in app.error[0].value
    assert not drafts()
    assert not [button for button in app.button if button.label == "Add dataset"]


def test_another_file_and_cancel_remove_what_was_unpacked(tiny_folder, tmp_path):
    app = adding(exported(tiny_folder))
    (first,) = drafts()
    app.get("file_uploader")[0].set_value(exported(without_val(tiny_folder, tmp_path / "b"), "b.zip")).run()
    (second,) = drafts()
    assert first != second
    press(app, "Cancel")
    assert not drafts()
    assert app.selectbox(key="data").value == "embedded"


def test_what_was_unpacked_is_removed_at_the_end_of_its_session(tiny_folder, monkeypatch):
    monkeypatch.setattr(uploads, "_at_end", defaultdict(list))
    adding(exported(tiny_folder))
    assert drafts()
    for callbacks in uploads._at_end.values():
        for callback in callbacks:
            callback()
    assert not drafts()


def test_work_that_is_stopped_while_checking_leaves_nothing_behind(tiny_folder, monkeypatch):
    from streamlit.runtime.scriptrunner_utils.exceptions import StopException

    def stopped(*_args):
        assert drafts()
        raise StopException

    monkeypatch.setattr("splitlab.data.import_dataset.check_dataset", stopped)
    adding(exported(tiny_folder))
    assert not drafts()


def test_files_over_the_limit_of_the_server_together_are_refused(tiny_folder, monkeypatch):
    monkeypatch.setenv("SPLITLAB_UPLOAD_MB", "1")
    app = adding(("a/1.png", b"x" * 600_000), ("a/2.png", b"x" * 600_000), way="a folder")
    assert "1 MB together, more than 1 MB" in app.error[0].value


def test_a_name_that_is_taken_keeps_the_upload_to_give_another(tiny_folder):
    (Workspace.here().data / "mine").mkdir()
    app = adding(exported(tiny_folder))
    press(app, "Add dataset")
    assert "already exists" in app.error[0].value
    app.text_input(key="archive_name").set_value("other").run()
    press(app, "Add dataset")
    assert kept() == {"mine", "other"}
