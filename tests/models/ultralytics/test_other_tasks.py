"""Ultralytics' models without masks are told as what they are, as pickled networks and as state dicts."""

import pytest
import torch
import torchvision.transforms

from splitlab.errors import CheckpointError
from splitlab.models.foreign.reader import read_foreign
from splitlab.models.foreign.ultralytics import find_ultralytics
from splitlab.models.imports import import_checkpoint
from tests.models.ultralytics.written import yolo

GIVE = "; give a segmentation model, whose name ends in -seg.pt."
TASKS = {
    "yolov8n": "it is a YOLO detector of Ultralytics, which finds boxes and has no mask branch",
    "yolo11n": "it is a YOLO detector of Ultralytics, which finds boxes and has no mask branch",
    "yolo26n": "it is a YOLO detector of Ultralytics, which finds boxes and has no mask branch",
    "yolov5nu": "it is a YOLO detector of Ultralytics, which finds boxes and has no mask branch",
    "yolov8n-pose": "it is a pose model of Ultralytics, which finds boxes and body points but no masks",
    "yolo26n-pose": "it is a pose model of Ultralytics, which finds boxes and body points but no masks",
    "yolo11n-obb": "it is an OBB model of Ultralytics, which finds rotated boxes and no masks",
    "yolov8n-cls": "it is a classifier of Ultralytics, which names whole photos and finds no objects",
}


@pytest.mark.parametrize("name", TASKS)
def test_a_model_without_masks_is_told_as_what_it_is(name, tmp_path):
    model = yolo(f"{name}.yaml")
    model.save(tmp_path / "best.pt")
    torch.save(model.model.state_dict(), tmp_path / "state.pt")
    for file in (tmp_path / "best.pt", tmp_path / "state.pt"):
        with pytest.raises(CheckpointError) as refused:
            import_checkpoint(file, tmp_path / "mine")
        assert str(refused.value) == f"{file}: {TASKS[name]}{GIVE}"
        assert not (tmp_path / "mine").exists()


def test_the_transforms_that_a_published_classifier_keeps_do_not_hide_what_it_is(tmp_path):
    model = yolo("yolov8n-cls.yaml")
    resize = torchvision.transforms.Resize(224, torchvision.transforms.InterpolationMode.BILINEAR)
    model.model.transforms = torchvision.transforms.Compose([resize, torchvision.transforms.ToTensor()])
    model.save(tmp_path / "best.pt")
    with pytest.raises(CheckpointError, match="it is a classifier of Ultralytics"):
        import_checkpoint(tmp_path / "best.pt", tmp_path / "mine")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "yolo12n-seg",
            r"a segmentation model of Ultralytics \(yolo12n-seg\), but not YOLOv8-seg, .*give one of those",
        ),
        ("yolov8n-seg-p6", r"a segmentation model of Ultralytics \(yolov8n-seg-p6\), but not"),
        ("yolov8n-world", "it is Ultralytics' WorldModel, not YOLOv8-seg, YOLO11-seg or YOLO26-seg"),
    ],
)
def test_other_models_of_ultralytics_are_named(name, message, tmp_path):
    yolo(f"{name}.yaml").save(tmp_path / "best.pt")
    with pytest.raises(CheckpointError, match=message):
        import_checkpoint(tmp_path / "best.pt", tmp_path / "mine")


def test_a_network_that_was_merged_for_speed_is_told_so(tmp_path):
    model = yolo("yolo11n-seg.yaml")
    model.model.fuse(verbose=False)
    model.save(tmp_path / "fused.pt")
    with pytest.raises(
        CheckpointError, match=r"batch norms are merged into its convolutions.*give the file from before"
    ):
        import_checkpoint(tmp_path / "fused.pt", tmp_path / "mine")


def test_a_network_trained_for_8_bits_is_told_so(tmp_path):
    torch.save({"ema": yolo("yolov8n-seg.yaml").model, "modelopt": {"mode": "quantize"}}, tmp_path / "qat.pt")
    with pytest.raises(CheckpointError, match="8-bit numbers"):
        import_checkpoint(tmp_path / "qat.pt", tmp_path / "mine")


def test_another_activation_is_refused_as_it_gives_other_outputs(tmp_path):
    model = yolo("yolov8n-seg.yaml")
    model.model.model[3].act = torch.nn.ReLU()
    model.save(tmp_path / "relu.pt")
    with pytest.raises(CheckpointError, match=r"layer 'model\.3\.act' is a ReLU"):
        import_checkpoint(tmp_path / "relu.pt", tmp_path / "mine")


def test_a_yolov5_is_left_to_others(tmp_path):
    from tests.models.foreign_files import save_as_the_authors_do
    from tests.models.test_foreign_yolov5 import tiny

    file = save_as_the_authors_do(tmp_path / "yolov5n-seg.pt", tiny())
    assert find_ultralytics(read_foreign(file).tree) is None
    torch.save(tiny().state_dict(), tmp_path / "plain.pt")
    assert find_ultralytics(read_foreign(tmp_path / "plain.pt").tree) is None
    classifier = {"model.0.conv.weight": torch.zeros(16, 3, 6, 6), "model.9.linear.bias": torch.zeros(10)}
    torch.save(classifier, tmp_path / "cls.pt")
    assert find_ultralytics(read_foreign(tmp_path / "cls.pt").tree) is None
