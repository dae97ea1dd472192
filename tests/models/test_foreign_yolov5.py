import argparse
import hashlib

import numpy as np
import pytest
import torch

from splitlab.checkpoints.checkpoint import read_card, read_weights
from splitlab.errors import CheckpointError
from splitlab.models.foreign.reader import start_from
from splitlab.models.foreign.tree import ForeignObject
from splitlab.models.foreign.yolov5 import _backbone_of, find_yolov5
from splitlab.models.imports import import_checkpoint
from splitlab.models.registry import build_model, load_model, weights_of
from tests.models.foreign_files import fill_by_rule, image_by_rule, save_as_the_authors_do

# Every 1/5 of the numbers that the official implementation (yolov5 7.0.14, its YOLOv5n-seg, 3 classes) gave for
# `fill_by_rule` weights in half precision and a 64 px `image_by_rule`: three levels and the prototypes.
OFFICIAL_OUTPUTS = (
    (-0.374448, -0.261351, 0.097815, 0.068638, 0.347661),
    (-0.301767, -0.611416, 0.372382, 0.58373, -0.396721),
    (3.254291, -2.114297, -3.26916, 2.869547, 1.126426),
    (0.079019, -0.020118, -0.117787, -0.109736, 0.272277, 0.08323),
)


def outputs(model, images):
    with torch.inference_mode():
        levels, prototypes = model.eval()(images)
    return [*levels, prototypes]


def tiny(seed=0, classes=3):
    torch.manual_seed(seed)
    return build_model("yolov5n-seg", classes, 640)


@pytest.mark.parametrize("zipped", [True, False])
def test_an_imported_file_gives_the_outputs_of_the_official_implementation(tmp_path, zipped):
    file = save_as_the_authors_do(tmp_path / "yolov5n-seg.pt", fill_by_rule(tiny()), zipped=zipped)
    model, _ = load_model(import_checkpoint(file, tmp_path / "imported"))
    for found, expected in zip(outputs(model, image_by_rule(64)), OFFICIAL_OUTPUTS, strict=True):
        assert found.flatten()[:: found.numel() // 5].tolist() == pytest.approx(expected, abs=1e-5)


def test_the_card_says_what_the_file_says_and_where_it_came_from(tmp_path):
    options = argparse.Namespace(imgsz=500, data="C:\\sets\\VOC-seg.yaml")
    file = save_as_the_authors_do(tmp_path / "best.pt", tiny(), names={0: "cat", 1: "dog", 2: "cow"}, opt=options)
    card = read_card(import_checkpoint(file, tmp_path / "mine"))
    assert (card.name, card.model, card.class_names) == ("mine", "yolov5n-seg", ["cat", "dog", "cow"])
    assert (card.image_size, card.dataset, card.split_name) == (512, "VOC-seg", "split unknown")
    assert card.trained_by["imported_from"] == "best.pt"
    assert card.trained_by["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()


def test_the_moving_average_comes_before_the_model(tmp_path):
    other = tiny(seed=1)
    file = tmp_path / "last.pt"
    torch.save({"model": tiny(seed=2).state_dict(), "ema": other.state_dict()}, file)
    weights = read_weights(import_checkpoint(file, tmp_path / "mine"))
    assert np.allclose(weights["model.0.conv.weight"], other.state_dict()["model.0.conv.weight"], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("wrap", [lambda state: state, lambda state: {"state_dict": state}])
def test_a_plain_state_dict_is_read_too(tmp_path, wrap):
    model = tiny(classes=5)
    torch.save(wrap(model.state_dict()), tmp_path / "plain.pt")
    folder = import_checkpoint(tmp_path / "plain.pt", tmp_path / "mine")
    assert read_card(folder).class_names == ["0", "1", "2", "3", "4"]
    assert read_card(folder).image_size == 640


@pytest.mark.parametrize("letter", "nsmlx")
def test_the_size_is_told_by_the_shapes(letter):
    with torch.device("meta"):
        state = build_model(f"yolov5{letter}-seg", 2, 640).state_dict()
    empty = {name: np.broadcast_to(np.float16(1), tuple(tensor.shape)) for name, tensor in state.items()}
    assert find_yolov5(empty).model == f"yolov5{letter}-seg"


def test_a_classifier_gives_its_backbone_to_a_new_model(tmp_path):
    donor = weights_of(tiny(seed=1))
    classifier = {name: torch.from_numpy(tensor) for name, tensor in _backbone_of(donor).items()}
    classifier |= {"model.9.conv.conv.weight": torch.zeros(1280, 256, 1, 1), "model.9.linear.bias": torch.zeros(1000)}
    torch.save({"model": classifier}, tmp_path / "yolov5n-cls.pt")
    folder = import_checkpoint(tmp_path / "yolov5n-cls.pt", tmp_path / "mine")
    assert read_card(folder).model == "yolov5n-cls"
    model = tiny(seed=2)
    neck = model.state_dict()["model.10.conv.weight"].clone()
    report = start_from(model, read_weights(folder))
    assert set(report.copied) == set(_backbone_of(donor)) == set(_backbone_of(model.state_dict()))
    assert str(report) == f"{len(report.copied)} of 366 tensors"
    assert np.allclose(model.state_dict()["model.8.cv1.conv.weight"], donor["model.8.cv1.conv.weight"], atol=1e-4)
    assert torch.equal(model.state_dict()["model.10.conv.weight"], neck)


def test_a_model_of_other_classes_starts_from_all_but_the_head_and_keeps_its_anchors():
    model = build_model("yolov5n-seg", 7, 320)
    anchors = model.head.anchors.clone()
    report = start_from(model, weights_of(tiny(classes=3)))
    assert report.left == [f"model.24.m.{level}.{kind}" for level in range(3) for kind in ("weight", "bias")]
    assert torch.equal(model.head.anchors, anchors)


def test_weights_of_which_nothing_fits_are_refused():
    with pytest.raises(CheckpointError, match="None of"):
        start_from(tiny(), {"model.0.conv.weight": np.zeros((32, 3, 6, 6), np.float32)})


def changed(**changes):
    state = weights_of(tiny())
    for name, tensor in changes.items():
        state.pop(name.replace("__", "."))
        if tensor is not None:
            state[name.replace("__", ".")] = tensor
    return state


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"model": None}, "no network"),
        ([1, 2], "no network"),
        (changed(model__0__conv__weight=None), r"model\.0\.conv\.weight is missing"),
        (changed(model__0__conv__weight=np.zeros((17, 3, 6, 6))), r"model\.0\.conv\.weight has shape \(17, 3, 6, 6\)"),
        (changed(model__13__cv1__conv__weight=np.zeros(4)), r"model\.13\.cv1\.conv\.weight has shape \(4,\)"),
        (changed(model__24__proto__cv3__bn__bias=None), r"model\.24\.proto\.cv3\.bn\.bias is missing"),
        (changed(model__24__anchors=np.zeros((3, 4, 2))), r"model\.24\.anchors has shape \(3, 4, 2\)"),
        (changed(model__10__bn__bias=np.full(128, np.nan)), r"model\.10\.bn\.bias has numbers that are NaN"),
        (changed(model__10__bn__bias=np.full(128, 1e5)), r"model\.10\.bn\.bias has numbers over 65504"),
        (
            changed(model__10__bn__bias=np.full(128, np.inf)),
            r"model\.10\.bn\.bias has numbers that are NaN or infinite",
        ),
        (changed(model__10__bn__running_var=np.full(128, -1.0)), r"model\.10\.bn\.running_var has variances below 0"),
        (changed(model__24__anchors=np.zeros((3, 3, 2))), r"model\.24\.anchors has anchors that are not above 0"),
        (changed(model__24__anchors=np.full((3, 3, 2), np.nan)), r"model\.24\.anchors has numbers that are NaN"),
        (changed(model__24__m__0__bias=np.zeros(255)), r"model\.24\.m\.0\.weight has shape"),
        (changed(model__24__m__0__bias=np.zeros(90)), "90 numbers, which does not fit 1 to 2000 classes"),
        (changed(model__24__m__0__bias=None), "neither a YOLOv5-seg nor a -cls"),
        ({**changed(), "model.25.weight": np.zeros(1)}, r"'model\.25\.weight', which is not part of YOLOv5-seg"),
    ],
)
def test_the_first_tensor_that_does_not_fit_is_named(tree, message):
    with pytest.raises(CheckpointError, match=message):
        find_yolov5(tree)


@pytest.mark.parametrize(
    "names", [["one"], {"0": "a", "1": "b", "7": "c"}, ["a", "b", 3], ["a", "b", "c" * 999], "abc"]
)
def test_class_names_that_do_not_fit_are_refused(names):
    blocks = {"_parameters": changed(), "names": names}
    with pytest.raises(CheckpointError, match="class name"):
        find_yolov5(ForeignObject("models.yolo.SegmentationModel", blocks))


def test_another_activation_is_refused_as_it_gives_other_outputs():
    act = ForeignObject("torch.nn.modules.activation.LeakyReLU", {})
    with pytest.raises(CheckpointError, match="layer 'act' is a LeakyReLU"):
        find_yolov5(ForeignObject("models.yolo.SegmentationModel", {"_modules": {"act": act}}))


def test_a_checkpoint_is_not_written_over(tmp_path):
    file = tmp_path / "plain.pt"
    torch.save(tiny().state_dict(), file)
    folder = import_checkpoint(file, tmp_path / "mine")
    with pytest.raises(CheckpointError, match="already"):
        import_checkpoint(file, folder)
