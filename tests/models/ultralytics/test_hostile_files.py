"""Files of Ultralytics that are cut, damaged or made up: each is read or ends in one sentence."""

import copy
import random
from functools import cache

import numpy as np
import pytest
import torch

from splitlab.checkpoints.checkpoint import read_card
from splitlab.errors import CheckpointError
from splitlab.models.foreign import ultralytics as foreign_ultralytics
from splitlab.models.foreign.reader import read_foreign
from splitlab.models.foreign.tree import ForeignObject
from splitlab.models.foreign.ultralytics import find_ultralytics
from splitlab.models.imports import import_checkpoint
from splitlab.models.registry import build_model
from tests.models.ultralytics.written import yolo

ODD = (
    None, True, -1, 10**400, float("nan"), "", "x" * 10**5, "\x1b[31m\n\u202e", [], ["a"] * 3000, {}, {"0": None},
    {"a": {"b": ["c"]}}, ForeignObject("os.system", {}), ForeignObject("ultralytics.nn.tasks.SegmentationModel", {}),
    np.zeros(0), np.zeros(()), np.zeros((1,) * 8), np.full((2, 2), np.nan), np.array([True]), np.array(["text"]),
    np.broadcast_to(np.float16(1), (2**40, 3, 3, 3)), np.broadcast_to(np.float16(1), (2**60,)),
)  # fmt: skip


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("made") / "best.pt"
    yolo("yolov8n-seg.yaml").save(path)
    return path


@pytest.fixture(scope="module")
def tree(file):
    return read_foreign(file).tree


@pytest.fixture(autouse=True)
def built_once(monkeypatch):
    monkeypatch.setattr(foreign_ultralytics, "build_model", cache(build_model))


def read_or_refused(found):
    """Any other error than ours fails the test."""
    try:
        return find_ultralytics(found)
    except CheckpointError as refused:
        told = str(refused)
        assert "\n" not in told
        assert "\x1b" not in told
        assert len(told) < 500
        return told


@pytest.mark.parametrize("part", [0.001, 0.1, 0.5, 0.9, 0.9999])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_that_is_cut_off_is_refused(file, tmp_path, part, zipped):
    whole = file
    if not zipped:
        whole = tmp_path / "old.pt"
        state = torch.load(file, weights_only=False)["model"].state_dict()
        torch.save({"model": state}, whole, _use_new_zipfile_serialization=False)
    cut = tmp_path / "cut.pt"
    cut.write_bytes(whole.read_bytes()[: int(part * whole.stat().st_size)])
    with pytest.raises(
        CheckpointError, match=r"cut\.pt: it is (broken or )?truncated|cut\.pt: it is broken|bytes, not"
    ):
        import_checkpoint(cut, tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize("seed", range(8))
def test_a_damaged_file_is_read_or_refused_and_leaves_a_whole_checkpoint_or_none(file, tmp_path, seed):
    chance = random.Random(seed)
    content = bytearray(file.read_bytes())
    # The pickle and the directory of the archive are where damage does more than change a number.
    for start, stop in ((0, 60_000), (len(content) - 60_000, len(content))):
        for _ in range(3):
            content[chance.randrange(start, stop)] = chance.randrange(256)
    (tmp_path / "damaged.pt").write_bytes(content)
    refused = ""
    try:
        read_card(import_checkpoint(tmp_path / "damaged.pt", tmp_path / "mine"))
    except CheckpointError as error:
        refused = str(error)
    assert refused.startswith(str(tmp_path / "damaged.pt")) or not refused
    assert (tmp_path / "mine").exists() == (not refused)


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_a_value_of_another_type_is_survived_wherever_it_stands(tree, odd):
    for key in ("model", "ema", "train_args", "modelopt", "epoch"):
        read_or_refused({**tree, key: odd})
    network = tree["model"]
    for key in ("names", "yaml", "args", "task", "_modules", "_parameters", "_buffers", "nc", "stride"):
        attributes = {**network.attributes, key: odd}
        read_or_refused({**tree, "model": ForeignObject(network.class_name, attributes)})
    for key in ("imgsz", "data", "model", "epochs", "batch", "seed", "patience"):
        read_or_refused({**tree, "train_args": {"imgsz": 64, key: odd}})
    layout = {**network.attributes["yaml"], "yaml_file": odd}
    read_or_refused({"model": ForeignObject(network.class_name, {"yaml": layout})})
    read_or_refused(odd)


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_a_tensor_of_another_type_or_of_a_huge_shape_is_survived_in_any_layer(tree, odd):
    state = foreign_ultralytics.ultralytics_weights(tree)
    plain = {name.removeprefix("network."): tensor for name, tensor in state.items()}
    names = (
        "model.0.conv.weight",
        "model.22.cv3.0.2.bias",
        "model.22.cv2.0.0.conv.weight",
        "model.22.proto.cv1.conv.weight",
    )
    for name in names:
        told = read_or_refused({"model": {**plain, name: odd}})
        assert isinstance(told, str) or told is None, name
    read_or_refused({"model": {**plain, "model.22.cv4.0.2.bias": odd}})
    read_or_refused({"model": {**plain, "model.999.linear.bias": odd}})


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "model.\u0663.cv2.0.0.x",
        "model.99999999999.cv2.0.0.x",
        "model." * 10**4,
        "\n\x1b[2Jmodel.0.",
        "",
    ],
)
def test_names_of_tensors_that_are_made_up_lead_nowhere(tree, name):
    state = foreign_ultralytics.ultralytics_weights(tree)
    plain = {own.removeprefix("network."): tensor for own, tensor in state.items()}
    assert isinstance(read_or_refused({**plain, name: np.zeros(3)}), str)
    read_or_refused({name + own: tensor for own, tensor in plain.items()})
    read_or_refused({name: np.zeros(3)})


def test_names_of_classes_and_files_are_shown_without_what_a_terminal_obeys(tree):
    network = copy.copy(tree["model"].attributes)
    network["names"] = {str(number): f"\x1b[31m{number}\n" for number in range(80)}
    found = find_ultralytics({**tree, "model": ForeignObject(tree["model"].class_name, network)})
    assert not any(letter in "".join(found.class_names) for letter in "\x1b\n")
    told = read_or_refused({"model": ForeignObject("ultralytics.nn.\x1b[31m\nEvil" + "l" * 999, {})})
    assert told.startswith("it is Ultralytics' ")


def test_a_network_within_itself_many_times_over_is_refused(tmp_path):
    model = yolo("yolov8n-seg.yaml").model
    inner = model
    for _ in range(60):
        inner.deeper = torch.nn.Sequential()
        inner = inner.deeper
    torch.save({"model": model}, tmp_path / "deep.pt")
    with pytest.raises(CheckpointError, match=r"deep\.pt: its structure is deeper"):
        import_checkpoint(tmp_path / "deep.pt", tmp_path / "mine")
