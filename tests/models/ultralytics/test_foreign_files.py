"""Files of YOLOv8-seg, YOLO11-seg and YOLO26-seg, written by Ultralytics, answer here as they do there."""

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment

from splitlab.checkpoints.checkpoint import read_card, read_weights
from splitlab.errors import CheckpointError
from splitlab.models.contract import DetectSettings
from splitlab.models.foreign.ultralytics import _difference, _head_of, _model_of, find_ultralytics
from splitlab.models.imports import import_checkpoint
from splitlab.models.registry import build_model, load_model
from tests.models.ultralytics.conftest import NAMES
from tests.models.ultralytics.written import five_photos, network_with_opinions, train_one_epoch, yolo

FAMILIES = ("yolov8", "yolo11", "yolo26")
BOXES, SCORES = 0.01, 1e-4  # pixels, and 0..1: what "equal" allows


@pytest.fixture(scope="module")
def photos():
    return five_photos()


@pytest.fixture(scope="module", params=NAMES)
def theirs(request, photos):
    return request.param, network_with_opinions(request.param, photos)


@pytest.fixture(scope="module")
def saved(theirs, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / f"{theirs[0]}.pt"
    theirs[1].save(path)
    return path


def imported(file, tmp_path):
    return load_model(import_checkpoint(file, tmp_path / "imported"))[0]


def candidates(network, photos):
    """Ultralytics' boxes (B, A, 4) xyxy, scores (B, A, classes), coefficients and prototypes; of YOLO26's one2one."""
    head = network.model[-1]
    network.float().eval().end2end = hasattr(head, "one2one_cv2")
    with torch.inference_mode():
        (_, prototypes), raw = network(photos)
        decoded = head._inference(raw.get("one2one", raw)).transpose(1, 2)
    boxes, scores, coefficients = decoded.split([4, head.nc, head.nm], dim=-1)
    if not network.end2end:
        centre, sides = boxes[..., :2], boxes[..., 2:]
        boxes = torch.cat([centre - sides / 2, centre + sides / 2], dim=-1)
    return {"boxes": boxes, "scores": scores, "coefficients": coefficients, "prototypes": prototypes}


def assert_same_candidates(model, network, photos):
    expected = candidates(network, photos)
    with torch.inference_mode():
        found = model.outputs(photos)
    assert expected["scores"].amax(dim=(1, 2)).min() > 0.3
    for name, most in {"boxes": BOXES, "scores": SCORES, "coefficients": 1e-3, "prototypes": 1e-3}.items():
        assert float((found[name] - expected[name]).abs().max()) < most, name


def test_a_saved_file_gives_ultralytics_own_candidates(theirs, saved, photos, tmp_path):
    assert_same_candidates(imported(saved, tmp_path), yolo(saved).model, photos)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: model.state_dict(),
        lambda model: model.model.state_dict(),
        lambda model: {"model": model.model.state_dict()},
        lambda model: {"state_dict": model.model.state_dict()},
        lambda model: {f"module.{name}": tensor for name, tensor in model.model.state_dict().items()},
    ],
    ids=["YOLO", "network", "in model", "in state_dict", "wrapped"],
)
def test_a_bare_state_dict_in_full_precision_loses_nothing(theirs, wrap, photos, tmp_path):
    name, model = theirs
    torch.save(wrap(model), tmp_path / "plain.pt")
    assert_same_candidates(imported(tmp_path / "plain.pt", tmp_path), model.model, photos)
    card = read_card(tmp_path / "imported")
    assert (card.model, len(card.class_names), card.image_size) == (name, 80, 640)


def test_a_photo_gets_the_predictions_that_ultralytics_gives(theirs, saved, photos, tmp_path):
    model, predictor = imported(saved, tmp_path), yolo(saved)
    # By default this version predicts with YOLO26's other head.
    one2one = {"nms": False} if "yolo26" in theirs[0] else {}
    for photo in photos.split(1):
        with torch.inference_mode():
            best = model.outputs(photo)["scores"].amax(-1).flatten().sort(descending=True).values
        least = float(best[60:62].mean())
        settings = DetectSettings(min_score=least, nms_iou=0.7, max_detections=300, best_class_only=True)
        with torch.inference_mode():
            (found,) = model.detect(photo, settings)
        (expected,) = predictor.predict(
            photo, imgsz=photo.shape[-1], conf=least, iou=0.7, max_det=300, verbose=False, **one2one
        )
        assert len(found.scores) == len(expected.boxes) > 5
        assert_same_objects(found, expected.boxes, photo.shape[-1])


def assert_same_objects(found, expected, side):
    """In any order: scores that differ by rounding only may swap places."""
    boxes = found.boxes.clamp(0, side)
    far = torch.cdist(boxes, expected.xyxy, p=float("inf")) + 1e6 * (found.classes[:, None] != expected.cls)
    mine, their = linear_sum_assignment(far.numpy())
    assert far.numpy()[mine, their].max() < BOXES
    assert np.abs(found.scores.numpy()[mine] - expected.conf.numpy()[their]).max() < SCORES


@pytest.mark.filterwarnings("ignore:`get_trial_id` is meant:UserWarning")  # Ultralytics asks Ray, where it is there
@pytest.mark.parametrize("family", NAMES)
def test_files_of_a_training_run_are_read_as_ultralytics_reads_them(family, tmp_path):
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    for file in train_one_epoch(family, tmp_path):
        folder = import_checkpoint(file, tmp_path / f"from {file.stem}")
        card = read_card(folder)
        assert (card.model, card.class_names, card.image_size) == (family, ["square", "disc"], 64)
        assert (card.dataset, card.seed, card.trained_by["epochs"], card.trained_by["batch_size"]) == (
            "shapes",
            3,
            1,
            4,
        )
        expected = candidates(yolo(file).model, images)
        with torch.inference_mode():
            found = load_model(folder)[0].outputs(images)
        for name, tensor in expected.items():
            torch.testing.assert_close(found[name], tensor, rtol=0, atol=1e-4)


def test_the_moving_average_comes_before_the_model(theirs, tmp_path):
    name, model = theirs
    torch.manual_seed(9)
    other = yolo(f"{name}.yaml").model
    torch.save({"model": other, "ema": model.model, "optimizer": {"state": {}}}, tmp_path / "last.pt")
    weights = read_weights(import_checkpoint(tmp_path / "last.pt", tmp_path / "mine"))
    assert np.array_equal(weights["network.model.0.conv.weight"], model.model.state_dict()["model.0.conv.weight"])


def test_half_precision_stays_half_precision_on_disk(theirs, saved, tmp_path):
    import_checkpoint(saved, tmp_path / "mine")
    assert (tmp_path / "mine" / "model.safetensors").stat().st_size < saved.stat().st_size


def shapes_of(name, class_count):
    state = build_model(name, class_count, 64).state_dict()
    names = {key.removeprefix("network."): tuple(tensor.shape) for key, tensor in state.items()}
    return {key: np.broadcast_to(np.float16(1), shape) for key, shape in names.items()}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("size", "nsmlx")
def test_family_size_and_classes_are_told_by_the_tensors(family, size):
    found = shapes_of(f"{family}{size}-seg", 7)
    assert _model_of(found, _head_of(found)) == f"{family}{size}"
    assert _head_of(found)["cv3.0.2.bias"].size == 7


@pytest.fixture(scope="module")
def tensors():
    return shapes_of("yolov8n-seg", 2)


@pytest.mark.parametrize(
    ("name", "tensor", "message"),
    [
        (
            "model.12.m.0.cv1.bn.bias",
            None,
            r"\(the tensor model\.12\.m\.0\.cv1\.bn\.bias is missing\); give one of those",
        ),
        ("model.4.cv1.conv.weight", np.zeros(4), r"model\.4\.cv1\.conv\.weight has shape \(4,\), not \(64, 64, 1, 1\)"),
        ("model.0.conv.weight", np.zeros((17, 3, 3, 3)), "first layer has 17 channels"),
        ("model.0.conv.weight", np.zeros(()), "first layer has 0 channels"),
        ("model.22.cv3.0.2.bias", np.zeros(2001), "2001 class scores"),
        ("model.22.cv3.0.2.bias", np.zeros(0), "0 class scores"),
        ("model.22.cv3.0.2.bias", np.zeros(3), r"has shape \(\d+, \d+, 1, 1\), not"),
        ("model.22.proto.more", np.zeros(1), r"it has a tensor 'model\.22\.proto\.more'"),
        ("model.0.conv.bias", np.zeros(16), "batch norms are merged"),
        ("model.2.cv1.bn.bias", np.full(32, np.nan), r"model\.2\.cv1\.bn\.bias has numbers that are NaN"),
        ("model.2.cv1.bn.running_var", np.full(32, -1.0), "variances below 0"),
    ],
)
def test_the_first_tensor_that_does_not_fit_is_named(tensors, name, tensor, message):
    changed = {**tensors, name: tensor}
    with pytest.raises(CheckpointError, match=message):
        find_ultralytics({key: value for key, value in changed.items() if value is not None})


def test_a_tensor_that_is_too_many_is_told_after_those_that_are_missing():
    expected = {"a": torch.zeros(1)}
    assert _difference({"a": np.zeros(1)}, expected) == ""
    assert _difference({"b": np.zeros(1)}, expected) == "the tensor a is missing"
    assert _difference({"a": np.zeros(1), "b": np.zeros(1)}, expected) == "it has a tensor 'b'"
