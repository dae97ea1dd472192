import math

import pytest
import torch

from splitlab.models.contract import DetectSettings
from splitlab.models.detr.backbone import sine_position
from splitlab.models.detr.detr import AttentionMaps
from splitlab.models.detr.seg import _decode
from tests.models.detr.small import CLASSES, make_model

ALL = DetectSettings(min_score=0.0)


@pytest.fixture(scope="module")
def model():
    model = make_model().eval()
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.uniform_(-0.3, 0.3)
    with torch.no_grad():  # a new DETR hardly looks at the image; make it look
        for layer in model.detr.transformer.decoder.layers:
            layer.multihead_attn.in_proj_weight.mul_(4)
    return model


def test_an_image_gives_the_same_alone_and_in_a_batch_of_its_size(model):
    images = torch.rand(3, 3, 64, 64)
    with torch.inference_mode():
        for found, image in zip(model.detect(images, ALL), images, strict=True):
            (expected,) = model.detect(image[None], ALL)
            assert torch.allclose(found.boxes, expected.boxes, atol=1e-4)
            assert torch.allclose(found.mask_logits, expected.mask_logits, atol=1e-4)


def test_detections_are_sorted_bounded_and_of_known_classes(model):
    with torch.inference_mode():
        found = model.detect(torch.rand(2, 3, 64, 64), DetectSettings(min_score=0.0, max_detections=5))
    for one in found:
        assert len(one.scores) == 5
        assert (one.scores.diff() <= 0).all()
        assert one.classes.max() < CLASSES
        assert one.mask_logits.shape == (5, 16, 16)


def test_a_model_that_finds_nothing_says_so(model):
    with torch.inference_mode():
        found = model.detect(torch.rand(2, 3, 64, 64), DetectSettings(min_score=0.99))
        maps = model.attention(torch.rand(2, 3, 64, 64), DetectSettings(min_score=0.99))
    assert found[0].boxes.shape == (0, 4)
    assert found[1].mask_logits.shape == (0, 16, 16)
    assert maps[0].shape == (0, 2, 2)


def test_scores_leave_nothing_out_and_boxes_are_pixels():
    logits = torch.log(torch.tensor([[[0.2, 0.1, 0.7], [0.1, 0.6, 0.3]]]))
    boxes = torch.tensor([[[0.5, 0.5, 1.0, 1.0], [0.25, 0.5, 0.5, 0.2]]])
    (found,) = _decode(logits.softmax(-1)[..., :-1], boxes, (100, 200), DetectSettings(min_score=0.1))
    assert found.query.tolist() == [1, 0]
    assert found.classes.tolist() == [1, 0]
    assert found.scores.tolist() == pytest.approx([0.6, 0.2])
    assert torch.allclose(found.boxes, torch.tensor([[0.0, 40, 100, 60], [0, 0, 200, 100]]), atol=1e-4)


def test_attention_is_given_for_each_detection_and_sums_to_one(model):
    images = torch.rand(2, 3, 64, 96)
    settings = DetectSettings(min_score=0.0, max_detections=5)
    with torch.inference_mode():
        maps = model.attention(images, settings)
        found = model.detect(images, settings)
        outputs, _ = model(images)
        all_maps = model.detr.attention(outputs)
    for image in range(2):
        assert maps[image].shape == (5, 2, 3)
        assert torch.allclose(maps[image].sum(dim=(1, 2)), torch.ones(5), atol=1e-5)
        best = outputs.logits[-1, image].softmax(-1)[:, :-1].amax(1).argsort(descending=True)[:5]
        assert torch.allclose(maps[image], all_maps[image, best], atol=1e-6)
        assert len(found[image].scores) == 5


def test_the_mask_head_s_attention_sums_to_one_over_heads_and_cells():
    torch.manual_seed(0)
    maps = AttentionMaps(width=16, heads=4)
    padding = torch.zeros(2, 3, 5, dtype=torch.bool)
    padding[1, :, 3:] = True
    queries, memory, image = torch.randn(4, 16), torch.randn(2, 16, 3, 5), torch.tensor([0, 1, 1, 0])
    with torch.no_grad():
        found = maps(queries, memory, padding, image)
    assert torch.allclose(found.sum(dim=(1, 2, 3)), torch.ones(4))
    assert (found[1, :, :, 3:] == 0).all()
    # One score by hand: head 2, row 1, column 2 against row 0, column 0 of image 0.
    asked = (maps.q_linear.weight.detach() @ queries[0])[8:12]
    keys = maps.k_linear.weight.detach()
    scores = [asked @ (keys @ memory[0, :, y, x])[8:12] / math.sqrt(4) for y, x in ((1, 2), (0, 0))]
    assert (found[0, 2, 1, 2] / found[0, 2, 0, 0]).item() == pytest.approx(math.exp(scores[0] - scores[1]), rel=1e-4)


def test_positions_are_sines_and_cosines_of_row_and_column():
    padding = torch.zeros(1, 3, 4, dtype=torch.bool)
    padding[0, :, 3] = True
    found = sine_position(padding, 8)[0]
    for y, x in ((0, 0), (1, 2), (2, 1)):
        row, column = (y + 1) / 3 * 2 * math.pi, (x + 1) / 3 * 2 * math.pi
        slow = 10000 ** (2 / 4)
        expected = [
            wave(place / speed) for place in (row, column) for speed in (1, slow) for wave in (math.sin, math.cos)
        ]
        assert found[:, y, x].tolist() == pytest.approx(expected, abs=1e-4)
