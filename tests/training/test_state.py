import re

import pytest
import torch

from splitlab.errors import RunError
from splitlab.families import LITE0
from splitlab.models.registry import build_model
from splitlab.runs.spec import RunSpec
from splitlab.training.schedule import set_step
from splitlab.training.state import TrainingState, _last_of, forget_last, is_saved, saved_tensors

SPEC = RunSpec.of("data", 4, 4, learning_rate=1e-3, backbone_factor=0.3)


def one_step(state):
    for parameter in state.model.parameters():
        parameter.grad = torch.ones_like(parameter)
    state.optimizer.step()
    state.average.update_parameters(state.model)
    state.step += 1


def test_a_pretrained_backbone_learns_more_slowly_and_norms_do_not_decay():
    state = TrainingState.start(build_model(LITE0, 3, 64), SPEC)
    set_step(state.optimizer, SPEC, SPEC.warmup // 2 - 1)
    name_of = {id(parameter): name for name, parameter in state.model.named_parameters()}
    for group in state.optimizer.param_groups:
        for parameter in group["params"]:
            pretrained = name_of[id(parameter)].startswith("backbone.")
            assert group["lr"] == pytest.approx(5e-4 * (0.3 if pretrained else 1))
            assert group["weight_decay"] == (SPEC.optimizer.weight_decay if parameter.ndim > 1 else 0)


def test_a_saved_state_goes_on_exactly(tmp_path):
    torch.manual_seed(0)
    state = TrainingState.start(build_model("yolov5n-seg", 2, 64), SPEC)
    one_step(state)
    state.save(tmp_path / "state.pt")
    loaded = TrainingState.start(build_model("yolov5n-seg", 2, 64), SPEC)
    loaded.load(tmp_path / "state.pt")
    one_step(state)
    one_step(loaded)
    assert loaded.step == state.step == 2
    for name, tensor in state.average.state_dict().items():
        assert torch.equal(loaded.average.state_dict()[name], tensor), name


def test_the_moving_average_follows_but_lags(tmp_path):
    state = TrainingState.start(build_model("yolov5n-seg", 2, 64), SPEC)
    before = state.model.head.proto.cv3.conv.weight.detach().clone()
    for _ in range(5):
        one_step(state)
    now, average = (m.head.proto.cv3.conv.weight.detach() for m in (state.model, state.averaged_model))
    assert ((average - before).abs() < (now - before).abs()).all()
    assert not torch.equal(average, before)


@pytest.mark.parametrize("content", [b"", b"not a state", b"PK\x03\x04 cut short"])
def test_a_broken_state_is_named_with_the_way_out(tmp_path, content):
    path = tmp_path / "state.pt"
    path.write_bytes(content)
    state = TrainingState.start(build_model("yolov5n-seg", 2, 64), SPEC)
    with pytest.raises(RunError, match=r"state\.pt is broken"):
        state.load(path)


def saved_twice(folder):
    state = TrainingState.start(build_model("yolov5n-seg", 2, 64), SPEC)
    for _ in range(2):
        one_step(state)
        state.save(folder / "state.pt")
    return folder / "state.pt"


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [lambda path: path.write_bytes(b""), lambda path: path.write_bytes(path.read_bytes()[:9999]), flip_a_bit,
     lambda path: path.unlink()],
    ids=["empty", "cut short", "a flipped bit", "missing"],
)  # fmt: skip
def test_where_the_last_state_is_damaged_a_run_goes_on_from_the_one_before_it(tmp_path, damage):
    path = saved_twice(tmp_path)
    damage(path)
    assert is_saved(path)
    state = TrainingState.start(build_model("yolov5n-seg", 2, 64), SPEC)
    told = state.load(path)
    assert state.step == 1
    assert re.match(r".*state\.pt is broken .*\. Resuming from the previous state, at step 1\.$", told)
    assert "model.0.conv.weight" in saved_tensors(path) or damage is not flip_a_bit
    # The damaged one must not take the place of the whole one.
    one_step(state)
    state.save(path)
    assert TrainingState.start(build_model("yolov5n-seg", 2, 64), SPEC).load(_last_of(path)) == ""
    one_step(state)
    state.save(path)
    again = TrainingState.start(build_model("yolov5n-seg", 2, 64), SPEC)
    assert (again.load(path), again.step) == ("", 3)
    assert (again.load(_last_of(path)), again.step) == ("", 2)


def test_where_both_states_are_damaged_the_fault_is_named(tmp_path):
    path = saved_twice(tmp_path)
    path.write_bytes(b"")
    _last_of(path).write_bytes(b"")
    with pytest.raises(RunError, match=r"state-before\.pt is broken"):
        TrainingState.start(build_model("yolov5n-seg", 2, 64), SPEC).load(path)


def test_the_states_before_the_last_ones_go_when_a_run_is_done(tmp_path):
    path = saved_twice(tmp_path)
    (tmp_path / "state-masks-before.pt").write_bytes(b"")
    forget_last(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
