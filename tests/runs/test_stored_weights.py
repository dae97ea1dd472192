import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from safetensors.numpy import load_file, save_file

from splitlab.checkpoints.checkpoint import list_checkpoints, read_weights, save_checkpoint
from splitlab.checkpoints.weights import eight_bits, full_precision, without_loss
from splitlab.errors import CheckpointError
from splitlab.models.registry import load_model
from tests.checkpoints import card, write_checkpoint

SHIPPED = list_checkpoints(Path(__file__).parents[2] / "checkpoints")
KERNELS = arrays(
    np.float32,
    array_shapes(min_dims=2, max_dims=4, max_side=5),
    elements=st.floats(-100, 100, width=32, allow_subnormal=False),
)


@given(KERNELS)
def test_a_weight_is_wrong_by_at_most_a_254th_of_the_largest_of_its_channel(kernel):
    back = full_precision(eight_bits({"conv": kernel}))["conv"]
    largest = abs(kernel.reshape(len(kernel), -1)).max(axis=1)
    wrong = abs(back - kernel).reshape(len(kernel), -1).max(axis=1)
    assert back.dtype == np.float32
    assert (wrong <= largest / 254 * 1.001 + 1e-37).all()


@given(KERNELS)
def test_what_was_stored_once_is_stored_the_same_again(kernel):
    stored = eight_bits({"conv": kernel})
    again = eight_bits(full_precision(stored))
    assert np.array_equal(again["conv"], stored["conv"])


def test_each_channel_has_a_scale_of_its_own():
    kernel = np.array([[1.0, -0.5], [0.001, 0.0005], [0, 0]], np.float32)
    stored = eight_bits({"conv": kernel})
    assert stored["conv"].tolist() == [[127, -64], [127, 64], [0, 0]]
    assert full_precision(stored)["conv"] == pytest.approx(kernel, abs=0.004)
    assert full_precision(stored)["conv"][1] == pytest.approx(kernel[1], rel=0.01)


def test_vectors_are_halved_and_counts_stay():
    count = "bn.num_batches_tracked"
    stored = eight_bits({"bias": np.array([1 / 3], np.float32), count: np.array(10**9, np.int64)})
    assert {name: tensor.dtype for name, tensor in stored.items()} == {"bias": "f2", count: "i8"}
    assert full_precision(stored)[count] == 10**9


def test_a_store_without_loss_halves_what_is_half_precision_already():
    exact, fine = np.array([0.5, -2], np.float32), np.array([0.5, 1 / 3], np.float32)
    large, count = np.array([1e6], np.float32), np.array(3, np.int64)
    weights = {"exact": exact, "fine": fine, "large": large, "count": count}
    stored = without_loss(weights)
    assert {name: str(tensor.dtype) for name, tensor in stored.items()} == {
        "exact": "float16", "fine": "float32", "large": "float32", "count": "int64",
    }  # fmt: skip
    assert all(np.array_equal(stored[name], tensor) for name, tensor in weights.items())


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_have_no_scale(value):
    with pytest.raises(CheckpointError, match="NaN or infinite value"):
        eight_bits({"conv": np.array([[1, value]], np.float32)})


def test_a_checkpoint_in_8_bits_has_half_the_size_and_nearly_the_same_weights(tmp_path):
    halved = write_checkpoint(tmp_path / "halved")
    (tmp_path / "small").mkdir()
    save_checkpoint(tmp_path / "small", read_weights(halved), card(), eight_bits)
    small, large = (tmp_path / name / "model.safetensors" for name in ("small", "halved"))
    assert small.stat().st_size < 0.55 * large.stat().st_size
    model, same = load_model(tmp_path / "small")[0], load_model(halved)[0].state_dict()
    for name, tensor in model.state_dict().items():
        assert (tensor - same[name]).abs().max() <= same[name].abs().max() / 250, name


@pytest.mark.parametrize(
    "change",
    [
        {"conv::scale": np.ones(3, np.float32)},
        {"conv::scale": np.ones((2, 1), np.float32)},
        {"conv::scale": np.ones(2, np.int64)},
        {"conv": np.ones((2, 2), np.float16)},
        {"other::scale": np.ones(2, np.float32)},
    ],
)
def test_scales_that_fit_no_weights_are_refused(tmp_path, change):
    folder = write_checkpoint(tmp_path / "broken")
    stored = eight_bits({"conv": np.eye(2, dtype=np.float32)})
    save_file({**stored, **change}, folder / "model.safetensors")
    assert load_file(folder / "model.safetensors").keys() >= {"conv"}
    with pytest.raises(CheckpointError, match=r"cannot be read .*(scales|no such weights)"):
        read_weights(folder)


def test_anchors_are_not_rounded_to_8_bits():
    anchors = np.array([[10, 13], [373, 326]], np.float32)
    stored = eight_bits({"model.24.anchors": anchors})
    assert stored["model.24.anchors"].dtype == np.float16
    assert full_precision(stored)["model.24.anchors"].tolist() == anchors.tolist()


def stored_with(tmp_path, **changes):
    folder = write_checkpoint(tmp_path / "odd")
    stored = load_file(folder / "model.safetensors")
    for name, change in changes.items():
        key = name.replace("__", ".")
        stored[key] = change(stored[key])
    save_file(stored, folder / "model.safetensors")
    return folder


def with_one(value):
    def change(tensor):
        tensor = tensor.copy()
        tensor.flat[-1] = value
        return tensor

    return change


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model__0__conv__weight": with_one(np.nan)}, r"model\.0\.conv\.weight has numbers that are NaN or infinite"),
        ({"model__0__conv__weight": with_one(-np.inf)}, r"model\.0\.conv\.weight has numbers that are NaN or infinite"),
        ({"model__24__anchors": with_one(np.nan)}, r"model\.24\.anchors has numbers that are NaN or infinite"),
        ({"model__24__anchors": with_one(0)}, r"model\.24\.anchors has anchors that are not above 0"),
        ({"model__0__bn__running_var": with_one(-1)}, r"running_var has variances below 0"),
        ({"model__0__bn__bias": lambda tensor: np.full(tensor.shape, 1e300)}, "bn.bias has numbers that are NaN"),
        ({"model__0__bn__bias": lambda tensor: np.full(tensor.shape, -1e19)}, "bn.bias has numbers over 1e\\+18"),
        ({"model__0__bn__bias": lambda tensor: tensor.astype(np.int8)}, "bn.bias has the type int8 but no scales"),
        ({"model__0__conv__weight": lambda tensor: tensor > 0}, "conv.weight has the type bool but no scales"),
        ({"model__0__bn__bias": lambda tensor: tensor.astype(np.uint16)}, "has the type U16"),
        ({"model__0__bn__bias": lambda tensor: tensor.astype(np.complex64)}, "has the type C64"),
    ],
)
def test_numbers_that_no_model_can_look_with_are_refused_in_one_sentence(tmp_path, changes, message):
    folder = stored_with(tmp_path, **changes)
    for read in (read_weights, load_model):
        with pytest.raises(CheckpointError, match=rf"odd/model\.safetensors: its tensor .*{message}"):
            read(folder)


@pytest.mark.parametrize("scale", [np.nan, np.inf, 3e38])
def test_a_scale_that_makes_weights_infinite_is_refused_without_a_warning(tmp_path, scale, recwarn):
    folder = write_checkpoint(tmp_path / "odd")
    stored = eight_bits({"conv": np.eye(2, dtype=np.float32)})
    save_file({**stored, "conv::scale": np.full(2, scale, np.float32)}, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"conv.* (NaN or infinite|over 1e\+18)"):
        read_weights(folder)
    assert not recwarn.list


@pytest.mark.parametrize("scale", [0, -0.5])
def test_a_scale_that_is_not_above_0_is_refused(tmp_path, scale):
    folder = write_checkpoint(tmp_path / "odd")
    stored = eight_bits({"conv": np.eye(2, dtype=np.float32)})
    save_file({**stored, "conv::scale": np.array([1, scale], np.float32)}, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"its tensor conv::scale has scales that are not above 0"):
        read_weights(folder)


def test_numbers_too_small_for_a_scale_become_0():
    tiny = np.array([[1e-45, 0], [1, 2]], np.float32)
    assert full_precision(eight_bits({"conv": tiny}))["conv"][0].tolist() == [0, 0]


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_each_checkpoint_that_ships_is_read(folder):
    assert read_weights(folder)


@pytest.mark.parametrize("dtype", ["BF16", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F4", "F6_E2M3", "X9"])
def test_a_type_of_numbers_that_is_not_read_is_named(tmp_path, dtype):
    folder = write_checkpoint(tmp_path / "odd")
    sizes = {"BF16": 8, "F4": 2, "F6_E2M3": 3}
    data = bytes(sizes.get(dtype, 4))
    header = json.dumps({"a": {"dtype": dtype, "shape": [4], "data_offsets": [0, len(data)]}}).encode()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + data)
    with pytest.raises(CheckpointError, match=dtype):
        read_weights(folder)


def test_a_number_too_large_for_half_precision_is_kept_in_full(tmp_path):
    folder = tmp_path / "large"
    folder.mkdir()
    save_checkpoint(folder, {"running_mean": np.array([1e6, 2.5], np.float32)}, card())
    assert read_weights(folder)["running_mean"].tolist() == [1e6, 2.5]
