import pytest
import torch

from splitlab.errors import RunError
from splitlab.models.registry import LITE0, build_model
from splitlab.runs.spec import RunSpec
from splitlab.training.schedule import set_step
from splitlab.training.state import TrainingState

SPEC = RunSpec("data", 4, 4, learning_rate=1e-3, backbone_factor=0.3)


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
            assert group["weight_decay"] == (SPEC.weight_decay if parameter.ndim > 1 else 0)


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
