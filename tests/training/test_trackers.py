import pytest

from splitlab.errors import RunError, SettingsError
from splitlab.training import run_log as trackers
from splitlab.training.experiment import carry_out, prepare_run


def test_tensorboard_shows_what_the_events_say(tiny_spec, tmp_path):
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = prepare_run(tmp_path / "run", tiny_spec.changed(tracker="tensorboard", steps=4, evaluate_every=2), tmp_path)
    carry_out(run, tmp_path)
    shown = event_accumulator.EventAccumulator(str(run.path / "tracker" / "splitlab"))
    shown.Reload()
    values = {tag: {scalar.step: scalar.value for scalar in shown.Scalars(tag)} for tag in shown.Tags()["scalars"]}
    windows = [event for event in run.events() if event["kind"] == "train"]
    evaluations = [event for event in run.events() if event["kind"] == "evaluation"]
    for name in ("box", "objectness", "class", "mask"):
        assert values[f"loss/{name}"] == pytest.approx({event["step"]: event["losses"][name] for event in windows})
    assert values["learning_rate"] == pytest.approx({event["step"]: event["learning_rate"] for event in windows})
    assert values["mask/ap50"] == pytest.approx({e["step"]: e["scores"]["mask"]["ap50"] for e in evaluations})


def test_a_tracker_that_is_not_installed_is_named_with_the_way_out(tiny_spec, tmp_path, monkeypatch):
    monkeypatch.setattr(trackers, "find_spec", lambda _name: None)
    with pytest.raises(SettingsError, match=r"tracker .wandb. is not installed\. .* pip install wandb"):
        prepare_run(tmp_path / "run", tiny_spec.changed(tracker="wandb"), tmp_path)
    assert not (tmp_path / "run").exists()


def test_no_tracker_leaves_no_file(tiny_spec, tmp_path):
    run = prepare_run(tmp_path / "run", tiny_spec.changed(steps=1), tmp_path)
    carry_out(run, tmp_path)
    assert not (run.path / "tracker").exists()


def test_a_tracker_that_refuses_ends_the_run_in_a_sentence(tiny_spec, tmp_path, monkeypatch):
    def refuse(*_args, **_options):
        raise OSError("no login")

    monkeypatch.setattr("accelerate.Accelerator.init_trackers", refuse)
    run = prepare_run(tmp_path / "run", tiny_spec.changed(tracker="tensorboard"), tmp_path)
    with pytest.raises(RunError, match=r"tensorboard cannot be started \(no login\)"):
        carry_out(run, tmp_path)
