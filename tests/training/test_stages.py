import pytest

from splitlab.errors import SettingsError
from splitlab.models.contract import SegmentationModel
from splitlab.models.detr.seg import DETRSeg
from splitlab.runs.recipes import recipe_settings
from splitlab.runs.spec import RunSpec
from splitlab.training.schedule import _rate_share, _warm_share, batches_to_gather, stages_of

PAPER = RunSpec.of("data", 800, 3000, **recipe_settings("paper-detr-voc"))


def test_a_model_of_one_stage_has_its_whole_run():
    spec = RunSpec.of("data", 4, 6)
    ((name, before, same),) = ((s.name, s.before, s.spec) for s in stages_of(spec, SegmentationModel.stages))
    assert (name, before) == ("", 0)
    assert same is spec


def test_the_stages_share_the_steps_and_learn_from_their_own_sets():
    boxes, masks = stages_of(PAPER, DETRSeg.stages)
    assert (boxes.name, masks.name) == ("boxes", "masks")
    assert boxes.before == 0
    assert masks.before == boxes.spec.steps
    assert boxes.spec.steps + masks.spec.steps == PAPER.steps
    assert (boxes.spec.data.full, boxes.spec.data.weak) == (0, 3800)
    assert (masks.spec.data.full, masks.spec.data.weak) == (800, 0)


def test_the_paper_s_recipe_runs_its_epochs_and_drops_where_it_does():
    boxes, masks = (stage.spec for stage in stages_of(PAPER, DETRSeg.stages))
    assert (boxes.batch_size, boxes.steps) == (10, 300 * boxes.epoch_steps)
    assert (masks.batch_size, masks.steps) == (3, 150 * masks.epoch_steps)
    for spec, drop in ((boxes, 250), (masks, 120)):
        rates = [_rate_share(spec, epoch * spec.epoch_steps) for epoch in range(spec.steps // spec.epoch_steps)]
        assert rates == pytest.approx([1.0] * drop + [0.1] * (len(rates) - drop))
        assert _warm_share(spec, 0) == 1
        assert batches_to_gather(spec, 0) == 1
        assert spec.optimizer.clip == pytest.approx(0.1 * spec.batch_size)
        assert (spec.optimizer.learning_rate, spec.optimizer.weight_decay) == (1e-4, 1e-4)


def test_what_is_set_for_masks_counts_in_their_stage_alone():
    spec = PAPER.changed(mask_learning_rate=0.01, mask_batch_size=0)
    boxes, masks = (stage.spec for stage in stages_of(spec, DETRSeg.stages))
    assert (boxes.optimizer.learning_rate, masks.optimizer.learning_rate) == (1e-4, 0.01)
    assert masks.batch_size == boxes.batch_size == 10
    assert masks.optimizer.clip == boxes.optimizer.clip


def test_masks_are_not_taught_to_boxes_that_nobody_taught():
    with pytest.raises(SettingsError, match=r"All 154050 steps .* start from a trained checkpoint"):
        stages_of(PAPER.changed(mask_steps=PAPER.steps), DETRSeg.stages)


def test_a_stage_without_steps_is_left_out():
    boxes_only = PAPER.changed(full=0, mask_steps=0)
    masks_only = PAPER.changed(mask_steps=PAPER.steps, start_from="boxes")
    assert [stage.name for stage in stages_of(boxes_only, DETRSeg.stages)] == ["boxes"]
    assert [(stage.name, stage.before) for stage in stages_of(masks_only, DETRSeg.stages)] == [("masks", 0)]


@pytest.mark.parametrize(
    "wrong", [{"mask_steps": -1}, {"mask_steps": 721}, {"mask_batch_size": 10**9}, {"mask_drop_at": 2}, {"drop_at": -1}]
)
def test_settings_of_stages_that_cannot_be_are_named(wrong):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        RunSpec.of("data", 4, 6, steps=720, **wrong)
