import copy
import io

import pytest
import torch

from splitlab.errors import CheckpointError, SettingsError
from splitlab.models.registry import build_model
from splitlab.models.ultralytics import seg as ultralytics_weights
from splitlab.models.ultralytics.seg import _pretrained_weights
from tests.file_server import serving

ADDRESS = "https://github.com/ultralytics/assets/releases/download/v8.4.0/"


def as_published(model):
    """A file as Ultralytics' trainer leaves it: a pickled network in half precision."""
    network = copy.deepcopy(model.network).half()
    network.args = {"imgsz": 640}
    buffer = io.BytesIO()
    torch.save({"epoch": -1, "ema": None, "model": network, "train_args": {}, "version": "8.4.0"}, buffer)
    return buffer.getvalue()


@pytest.fixture(scope="module", params=["yolov8n-seg", "yolo11n-seg", "yolo26n-seg"])
def published(request):
    torch.manual_seed(5)
    source = build_model(request.param, class_count=80, image_size=64)
    return request.param, source, as_published(source)


@pytest.fixture
def release(monkeypatch, published):
    """Ultralytics' release page, moved to this machine."""
    from ultralytics.utils import downloads

    name, _, content = published
    fetch = downloads.safe_download
    with serving({f"/{name}.pt": content}) as server:

        def here(url, **rest):
            return fetch(server.address("/" + url.removeprefix(ADDRESS)), **rest)

        monkeypatch.setattr(ultralytics_weights, "is_online", lambda: True)
        monkeypatch.setattr(downloads, "is_online", lambda: False)  # ends the tries after the first
        monkeypatch.setattr(downloads, "safe_download", here)
        yield server


def test_pretrained_weights_are_downloaded_once_and_loaded_without_running_them(published, release, tmp_path):
    name, source, _ = published
    folder = tmp_path / "o'neil's yolov5 weights"
    model = build_model(name, class_count=3, image_size=64)
    before = copy.deepcopy(model.state_dict())
    told = model.start_pretrained(name, folder)
    assert told.startswith(f"Started from {name}.pt, downloaded from Ultralytics.")
    assert "COCO" in told
    state, fresh = model.state_dict(), source.state_dict()
    for key, tensor in state.items():
        if fresh[key].shape == tensor.shape:
            assert torch.equal(tensor, fresh[key].half().to(tensor.dtype)), key
        else:
            assert "cv3." in key or "semseg" in key  # what tells classes apart
            assert torch.equal(tensor, before[key])
    assert "downloaded earlier" in model.start_pretrained(name, folder)
    assert len(release.asked) == 1
    assert [path.name for path in folder.iterdir()] == [f"{name}.pt"]


def test_a_download_that_fails_leaves_random_weights_and_says_so(published, release, tmp_path):
    name, _, _ = published
    release.faults.extend([lambda handler, *_: handler.send_error(503)])
    model = build_model(name, class_count=3, image_size=64)
    before = copy.deepcopy(model.state_dict())
    told = model.start_pretrained(name, tmp_path)
    assert told.startswith(f"Started from random weights: {name}.pt could not be downloaded.")
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())
    assert list(tmp_path.iterdir()) == []


def test_a_machine_that_is_offline_says_so_and_asks_no_one(monkeypatch, tmp_path):
    monkeypatch.setenv("YOLO_OFFLINE", "1")
    monkeypatch.setattr(ultralytics_weights, "attempt_download_asset", lambda *_, **__: pytest.fail("asked"))
    path, described = _pretrained_weights("yolo11n-seg", tmp_path)
    assert path is None
    assert described.startswith("Started from random weights: ")
    assert "offline" in described


def test_a_kept_file_serves_a_machine_that_is_offline(monkeypatch, published, tmp_path):
    name, _, content = published
    monkeypatch.setenv("YOLO_OFFLINE", "1")
    (tmp_path / f"{name}.pt").write_bytes(content)
    assert "of" in build_model(name, 3, 64).start_pretrained(name, tmp_path)


@pytest.mark.parametrize("content", [b"<html>sign in first</html>", b""])
def test_a_file_that_holds_no_network_is_answered_by_its_name(tmp_path, content):
    (tmp_path / "yolo11n-seg.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"yolo11n-seg\.pt"):
        build_model("yolo11n-seg", 3, 64).start_pretrained("yolo11n-seg", tmp_path)


def test_a_model_that_is_not_ultralytics_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="yolov5n-seg"):
        _pretrained_weights("yolov5n-seg", tmp_path)
    with pytest.raises(SettingsError, match="no weights for 'yolo11n-cls'"):
        _pretrained_weights("yolo11n-cls", tmp_path)
