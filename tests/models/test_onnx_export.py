import sys

import numpy as np
import pytest
import torch

from splitlab.errors import CheckpointError, SettingsError
from splitlab.models import onnx_export
from splitlab.models.onnx_export import export_onnx
from splitlab.models.registry import build_model

pytestmark = pytest.mark.filterwarnings("ignore")  # of the exporter's own parts


def tiny(name="yolov5n-seg"):
    torch.manual_seed(0)
    return build_model(name, 3, 64).eval()


@pytest.mark.parametrize("name", ["yolov5n-seg", "yolov5n-lite0-seg", "yolo11n-seg"])
def test_an_exported_file_answers_as_the_model_does_on_another_image(name, tmp_path):
    import onnxruntime

    model = tiny(name)
    shapes = export_onnx(model, 64, tmp_path / "model.onnx")
    images = torch.rand(1, 3, 64, 64)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    found = dict(zip(shapes, session.run(list(shapes), {"images": images.numpy()}), strict=True))
    with torch.inference_mode():
        expected = model.outputs(images)
    assert list(shapes) == ["boxes", "scores", "coefficients", "prototypes"]
    for part, tensor in expected.items():
        np.testing.assert_allclose(found[part], tensor.numpy(), rtol=1e-3, atol=1e-3)
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


def test_a_file_that_answers_otherwise_is_not_kept(tmp_path, monkeypatch):
    real = onnx_export._run
    monkeypatch.setattr(onnx_export, "_run", lambda *a: {name: 2 * v + 1 for name, v in real(*a).items()})
    with pytest.raises(CheckpointError, match="differs from the model's"):
        export_onnx(tiny(), 64, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_without_its_packages_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(SettingsError, match=r"pip install -e '\.\[onnx\]'"):
        export_onnx(tiny(), 64, tmp_path / "model.onnx")
