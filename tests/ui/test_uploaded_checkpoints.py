"""Checkpoints of other projects, uploaded on Compare masks."""

import pytest
import torch

from splitlab.checkpoints.files import zipped
from splitlab.models.detr.sizes import SIZES
from tests.checkpoints import write_checkpoint
from tests.models.detr.small import TINY
from tests.models.detr.test_unused_classes import write_detr
from tests.ui.opened import open_page, texts


def test_an_uploaded_detr_says_which_class_names_it_was_given(tmp_path, monkeypatch):
    monkeypatch.setitem(SIZES, "detr-r18-small", TINY)
    file = write_detr(tmp_path / "theirs.pth", 20)
    app = open_page("compare_masks")
    app.get("file_uploader")[-1].set_value(("theirs.pth", file.read_bytes(), "application/octet-stream")).run()
    next(button for button in app.button if button.label == "Import checkpoint").click().run()
    assert not app.exception
    assert "'theirs' was imported" in app.success[0].value
    assert "taken as voc20-ids (voc20 would fit as well)" in app.success[0].value.replace("\\", "")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("best.pt", b"<html>Sign in</html>", "best.pt: it is a web page, not weights"),
        ("best.onnx", b"\x08\x07\x12\x07pytorch:", "best.onnx: it is an ONNX file"),
        ("weights.h5", b"\x89HDF\r\n\x1a\n", "weights.h5: it is a file of Keras or TensorFlow"),
    ],
)
def test_an_upload_that_cannot_be_used_is_told_as_what_it_is(name, content, told):
    app = open_page("compare_masks")
    app.get("file_uploader")[-1].set_value((name, content, "application/octet-stream")).run()
    next(button for button in app.button if button.label == "Import checkpoint").click().run()
    assert not app.exception
    assert told in " ".join(element.value for element in app.error).replace("\\", "")


def test_an_upload_is_a_zip_of_ours_or_a_pytorch_file_by_its_content(tmp_path):
    torch.save({"a": torch.zeros(1)}, tmp_path / "theirs.zip")
    ours = zipped(write_checkpoint(tmp_path / "ours"))
    app = open_page("compare_masks")
    for name, content, shows_a_card in (
        ("theirs.zip", (tmp_path / "theirs.zip").read_bytes(), False),
        ("ours.pt", ours, True),
    ):
        app.get("file_uploader")[-1].set_value((name, content, "application/octet-stream")).run()
        assert not app.exception
        assert ("yolov5n-seg, 64 px" in texts(app)) == shows_a_card
    next(button for button in app.button if button.label == "Import checkpoint").click().run()
    assert "'ours' was imported" in app.success[0].value
