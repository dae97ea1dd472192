"""What cannot be imported is told as what it is, by its content, in one sentence."""

import gzip
import io
import json
import warnings
import zipfile

import numpy as np
import pytest
import torch
from safetensors.numpy import save
from torch import nn

from splitlab.errors import CheckpointError
from splitlab.models.foreign.other_kinds import START_BYTES, kind_by_members, kind_by_start
from splitlab.models.imports import import_checkpoint, is_own
from tests.checkpoints import write_checkpoint
from tests.models.foreign_files import write_archive


def zip_of(*names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, b"content " * 99)
    return buffer.getvalue()


def torchscript():
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch has left it, people's files have not
        torch.jit.save(torch.jit.trace(nn.Conv2d(3, 4, 3), torch.zeros(1, 3, 8, 8)), buffer)
    return buffer.getvalue()


def onnx_file():
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    value = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [value], [value])
    return helper.make_model(graph, producer_name="pytorch").SerializeToString()


def numpy_archive():
    buffer = io.BytesIO()
    np.savez_compressed(buffer, a=np.zeros(3))
    return buffer.getvalue()


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d7a" * 16 + b"\nsize 12345\n"
KINDS = {
    "empty": (lambda: b"", "it is empty; download it again"),
    "LFS": (lambda: LFS, "Git LFS pointer.*`git lfs pull`"),
    "web page": (lambda: b"\xef\xbb\xbf\n  <!DOCTYPE html><html>Sign in</html>", "a web page, not weights; download"),
    "html": (lambda: b"<html>Not found</html>", "a web page"),
    "error as JSON": (lambda: b'{"error": "Repository not found"}', "a text, not weights; download"),
    "error as XML": (lambda: b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>', "a text, not weights"),
    "safetensors": (lambda: save({"a": np.zeros(3, np.float32)}), "a safetensors file.*give the .pt or .pth file"),
    "HDF5": (lambda: b"\x89HDF\r\n\x1a\n" + bytes(600), "a file of Keras or TensorFlow; give the .pt or .pth file"),
    "Keras 3": (lambda: zip_of("metadata.json", "config.json", "model.weights.h5"), "a file of Keras or TensorFlow"),
    "TensorFlow Lite": (lambda: b"\x1c\0\0\0TFL3" + bytes(90), "a TensorFlow Lite file"),
    "ONNX": (onnx_file, "an ONNX file.*give the .pt or .pth file that it was made from"),
    "TorchScript": (torchscript, "a TorchScript file.*give the .pt or .pth file that it was made from"),
    "NumPy": (numpy_archive, "an archive of NumPy arrays"),
    "zip with weights": (lambda: zip_of("runs/best.pt", "runs/args.yaml"), "unpack it and give the .pt or .pth file"),
    "zip of a folder of ours": (
        lambda: zip_of("mine/", "mine/card.json"),
        "a zip with a checkpoint of SplitLab; give it",
    ),
    "zip": (lambda: zip_of("readme.txt"), r"a zip archive, not a PyTorch file \(it has no data.pkl\); give"),
    "gzip": (lambda: gzip.compress(b"a" * 99), "a compressed archive; unpack it"),
    "picture": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(99), "not a PyTorch file"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_another_kind_is_told_by_its_content(tmp_path, kind):
    write, message = KINDS[kind]
    file = tmp_path / "best.pt"
    file.write_bytes(write())
    with pytest.raises(CheckpointError, match=message) as refused:
        import_checkpoint(file, tmp_path / "mine")
    assert str(refused.value).startswith(f"{file}: it is")
    assert ". " not in str(refused.value)
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize("ending", [".pt", ".zip"])
def test_a_checkpoint_and_a_pytorch_file_are_told_apart_by_their_content(tmp_path, ending):
    from splitlab.checkpoints.files import zipped

    (tmp_path / f"ours{ending}").write_bytes(zipped(write_checkpoint(tmp_path / "folder")))
    torch.save({"a": torch.zeros(1)}, tmp_path / f"theirs{ending}")
    assert is_own(tmp_path / "folder")
    assert is_own(tmp_path / f"ours{ending}")
    assert not is_own(tmp_path / f"theirs{ending}")


def test_an_upload_is_told_by_its_content_and_left_at_its_start(tmp_path):
    upload = io.BytesIO(zip_of("mine/model.safetensors", "mine/card.json"))
    assert is_own(upload)
    assert upload.tell() == 0
    broken = io.BytesIO(b"PK\3\4 and no more")
    broken.name = "broken.zip"
    assert is_own(broken)  # the message of our own zips is the better one
    assert not is_own(io.BytesIO(b""))
    assert not is_own(tmp_path / "missing.pt")


@pytest.mark.parametrize("zipped", [True, False])
def test_no_pytorch_file_is_taken_for_another_kind(tmp_path, zipped):
    torch.save(
        {"weights": torch.zeros(3), "names": {0: "cat"}}, tmp_path / "a.pt", _use_new_zipfile_serialization=zipped
    )
    content = (tmp_path / "a.pt").read_bytes()
    if zipped:
        assert kind_by_members(zipfile.ZipFile(tmp_path / "a.pt").namelist()) is None
    assert kind_by_start(content[:START_BYTES]) is None


@pytest.mark.parametrize(
    "names", [["archive/data.pkl"] + [f"archive/data/{n}" for n in range(9)], ["x/data.pkl", "x/y"]]
)
def test_a_zip_with_a_data_pkl_may_be_one(names):
    assert kind_by_members(names) is None


def test_a_yolov5_detector_is_told_as_one(tmp_path):
    state = {"model.0.conv.weight": torch.zeros(32, 3, 6, 6), "model.24.m.0.bias": torch.zeros(255)}
    torch.save(state, tmp_path / "yolov5s.pt")
    with pytest.raises(
        CheckpointError, match=r"yolov5s\.pt: it is a YOLOv5 detector.*no mask branch; give the segment"
    ):
        import_checkpoint(tmp_path / "yolov5s.pt", tmp_path / "mine")


def test_weights_of_a_model_that_nobody_here_knows_say_what_would_do(tmp_path):
    torch.save({"state_dict": {"encoder.weight": torch.zeros(3)}}, tmp_path / "other.pth")
    with pytest.raises(
        CheckpointError, match="none of the models that can be imported, a YOLO with masks, DETR or Res"
    ):
        import_checkpoint(tmp_path / "other.pth", tmp_path / "mine")


@pytest.mark.parametrize(
    "content", [json.dumps({"a": 1}).encode(), b"\x08\x07\x12", b"\x08\x01\x12\x04", b"{}", b"\x80"]
)
def test_a_few_bytes_crash_nothing(content):
    kind_by_start(content)


def test_a_hostile_zip_is_told_before_its_parts_are_unpacked(tmp_path):
    bomb = write_archive(tmp_path / "bomb.pt", b"\0" * 2**26, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(CheckpointError, match="is compressed"):
        import_checkpoint(bomb, tmp_path / "mine")
