"""A run whose last saved state is damaged goes on from the one before it, and ends as if nothing had happened."""

import numpy as np
import pytest

from splitlab.checkpoints.checkpoint import read_weights
from splitlab.runs.run_folder import State
from splitlab.training.experiment import carry_out, prepare_run


class StoppedError(Exception):
    pass


def stop_at_step_five(what, done, _all):
    if (what, done) == ("train", 5):
        raise StoppedError


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"PK"), lambda path: path.unlink()])
def test_a_run_with_a_damaged_state_goes_on_and_says_from_where(tiny_spec, tmp_path, damage):
    spec = tiny_spec.changed(steps=6, evaluate_every=2)
    undisturbed, run = (prepare_run(tmp_path / name, spec, tmp_path) for name in ("undisturbed", "run"))
    carry_out(undisturbed, tmp_path)
    with pytest.raises(StoppedError):
        carry_out(run, tmp_path, stop_at_step_five)
    assert sorted(path.name for path in run.weights.iterdir()) == ["state-before.pt", "state.pt"]
    damage(run.state_path)
    told, seen = [], []

    def watch(what, done, _all):
        seen.append((done, run.status().message))

    assert carry_out(run, tmp_path, watch, told.append) == State.DONE
    assert [line for line in told if "Resuming from the previous state, at step 2" in line]
    assert seen[0][0] == 3
    assert "at step 2" in seen[0][1]
    one, other = read_weights(run.weights), read_weights(undisturbed.weights)
    assert all(np.array_equal(one[name], other[name]) for name in other)
    assert not (run.weights / "state-before.pt").exists()
