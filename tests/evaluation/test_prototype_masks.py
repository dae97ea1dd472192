import numpy as np
import pytest
import torch

from splitlab.evaluation.model_internals import take_apart
from splitlab.models.contract import DetectSettings
from splitlab.models.registry import build_model, load_model
from tests.conftest import SIDE
from tests.test_project import ROOT


@pytest.fixture(scope="module")
def photo():
    rng = np.random.default_rng(0)
    return rng.integers(0, 255, (48, 64, 3)).astype(np.uint8)


class Outputs:
    """A model of three cells that answers what it is told."""

    def __init__(self, scores):
        self.told = {
            "boxes": torch.tensor([[[0.0, 0, 32, 32], [16, 16, 48, 48], [0, 0, 8, 8]]]),
            "scores": torch.tensor([scores]),
            "coefficients": torch.tensor([[[1.0, 0], [2, -1], [0, 0]]]),
            "prototypes": torch.tensor([[[[1.0, 1], [1, -9]], [[1.0, 4], [-1, 1]]]]),
        }

    def outputs(self, images):
        assert images.shape == (1, 3, SIDE, SIDE)
        return self.told


def test_the_best_object_is_taken_apart_by_hand(photo):
    apart = take_apart(Outputs([[0.1, 0.2], [0.3, 0.9], [0.5, 0.1]]), photo, SIDE)
    assert (apart.class_index, round(apart.score, 2)) == (1, 0.9)
    assert apart.coefficients.tolist() == [2, -1]
    # 2 x the first less the second: 1, -2; 3, -19. Middles of the four cells, 16 and 48, all lie in the box.
    assert apart.mask.tolist() == [[True, False], [True, False]]
    assert apart.square.shape == (SIDE, SIDE, 3)
    assert apart.strongest.tolist() == [0, 1]


def test_equal_seeds_draw_equal_coefficients(photo):
    model = Outputs([[0.1, 0.2], [0.3, 0.9], [0.5, 0.1]])
    first, again = take_apart(model, photo, SIDE, seed=3), take_apart(model, photo, SIDE, seed=3)
    assert np.array_equal(first.by_chance, again.by_chance)
    assert len({mask.tobytes() for mask in first.by_chance}) > 1
    assert not np.array_equal(first.by_chance, take_apart(model, photo, SIDE, seed=4).by_chance)


def test_draws_stand_in_the_order_of_their_iou_and_the_box_is_worked_out_by_hand(photo):
    apart = take_apart(Outputs([[0.1, 0.2], [0.3, 0.9], [0.5, 0.1]]), photo, SIDE)
    assert (np.diff(apart.chance_ious) >= 0).all()
    # The mask is the left column; a draw is right where it adds as the coefficients do.
    assert apart.filled_box_iou == 0.5
    for mask, iou in zip(apart.by_chance, apart.chance_ious, strict=True):
        assert iou == pytest.approx((mask & apart.mask).sum() / (mask | apart.mask).sum())


def test_who_is_sure_of_nothing_or_has_no_prototypes_is_not_taken_apart(photo):
    assert take_apart(Outputs([[0.1, 0.2], [0.2, 0.1], [0.2, 0.1]]), photo, SIDE) is None
    assert take_apart(build_model("detr-lite0-few", 2, SIDE).eval(), photo, SIDE) is None


def test_its_parts_make_the_mask_that_the_model_detects():
    model, card = load_model(ROOT / "checkpoints" / "pets-30-330")
    from splitlab.app.widgets.photos import SAMPLES, sample_photo

    photo = sample_photo(next(iter(SAMPLES))).pixels
    apart = take_apart(model, photo, card.image_size)
    batch = torch.from_numpy(apart.square)[None].permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        best = model.detect(batch, DetectSettings())[0]
    assert best.boxes[0].tolist() == pytest.approx(apart.box.tolist(), abs=1e-3)
    detected = (best.mask_logits[0] > 0).numpy()
    assert (detected & apart.mask).sum() == apart.mask.sum() > 0
    # What nobody taught may come out right: but as often as not it is worse than the filled box.
    assert apart.chance_ious[50] < apart.filled_box_iou
