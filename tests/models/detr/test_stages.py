import math
from dataclasses import replace

import pytest
import torch

from splitlab.models.contract import DetectSettings
from splitlab.models.detr.detr import KeptOutputs
from splitlab.models.detr.losses import Targets, mask_losses, match_queries
from splitlab.models.detr.seg import DetrStage
from tests.models.batches import scramble_unknown, without_masks
from tests.models.detr.small import CALM, CLASSES, TINY, loss_and_gradients, make_batch, make_model

MASK_PARTS = ("bbox_attention.", "mask_head.")


def model_in(stage, size=TINY):
    model = make_model(size)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.0  # two passes see the same statistics
    model.set_stage(stage)
    return model


def scrambled(batch, rows):
    masks = batch.masks.clone()
    masks[rows] = 1 - masks[rows]
    return replace(batch, masks=masks)


def assert_equal_bits(one, other):
    assert one[0] == other[0]
    assert one[1].keys() == other[1].keys()
    assert all(torch.equal(gradient, other[1][name]) for name, gradient in one[1].items())


@pytest.mark.parametrize("stage", list(DetrStage))
def test_what_is_compiled_is_what_the_losses_run(stage):
    model, compiled = model_in(stage, CALM), []
    torch._dynamo.reset()
    model.compile(backend=lambda graph, _: compiled.append(graph) or graph.forward)
    model.loss(make_batch())
    assert compiled


def test_boxes_reach_the_loss_in_float32_where_the_rest_is_bfloat16():
    with torch.autocast("cpu", torch.bfloat16):
        outputs = make_model(CALM).eval().detr(make_batch().images)
    assert outputs.boxes.dtype == outputs.logits.dtype == torch.float32


def test_stage_1_reads_no_mask_at_all():
    model, batch = model_in(DetrStage.BOXES), make_batch()
    before = loss_and_gradients(model, batch)
    assert_equal_bits(loss_and_gradients(model, scrambled(batch, slice(None))), before)
    assert_equal_bits(loss_and_gradients(model, replace(batch, masks=torch.empty(0, 0, 0))), before)


def test_stage_1_learns_boxes_from_box_images_and_everything_but_the_mask_head():
    model, batch = model_in(DetrStage.BOXES), make_batch(has_mask=(False, False))
    parts, gradients = loss_and_gradients(model, batch)
    assert set(parts) == {"class", "l1", "giou", "auxiliary"}
    learnt = {name for name, gradient in gradients.items() if gradient.abs().sum() > 0}
    silent = {name for name in model.state_dict() if name.startswith(MASK_PARTS)}
    assert not learnt & silent
    for name in ("backbone.0.body.conv1", "input_proj", "class_embed", "bbox_embed.layers.0", "query_embed"):
        assert f"detr.{name}.weight" in learnt
    assert "detr.transformer.encoder.layers.0.self_attn.in_proj_weight" in learnt
    assert "detr.transformer.decoder.layers.0.multihead_attn.in_proj_weight" in learnt


def test_stage_2_sees_nothing_of_the_box_images():
    model, batch = model_in(DetrStage.MASKS), make_batch()
    before = loss_and_gradients(model, batch)
    images, boxes = batch.images.clone(), batch.boxes.clone()
    images[2:] = float("nan")
    boxes[4:] = float("nan")
    other = replace(scrambled(batch, slice(4, None)), images=images, boxes=boxes)
    assert_equal_bits(loss_and_gradients(model, other), before)


def test_stage_2_reads_no_mask_of_objects_without_one_and_counts_them_not():
    model, batch = model_in(DetrStage.MASKS), without_masks(make_batch((True, True), 2), [1, 2])
    before = loss_and_gradients(model, batch)
    assert_equal_bits(loss_and_gradients(model, scramble_unknown(batch)), before)
    assert before[0]["mask_dice"] > 0
    rows = []
    handle = model.mask_head.lay1.register_forward_hook(lambda _module, inputs, _output: rows.append(len(inputs[0])))
    model.loss(batch)
    handle.remove()
    assert rows == [2]


def test_stage_2_matches_all_objects_before_it_leaves_any_out():
    """An object without a mask keeps its query, so the others' losses are what they are beside it."""
    model, batch = model_in(DetrStage.MASKS, CALM).eval(), make_batch((True,), 3)
    alone = [model.loss(without_masks(batch, [row for row in range(3) if row != kept])) for kept in range(3)]
    together = model.loss(batch)
    for name, part in together.items():
        assert part.item() == pytest.approx(sum(one[name].item() for one in alone) / 3, rel=1e-4)


def test_stage_2_hears_a_scrambled_mask_of_a_mask_image():
    model, batch = model_in(DetrStage.MASKS), make_batch()
    (parts, gradients), (other_parts, other_gradients) = (
        loss_and_gradients(model, one) for one in (batch, scrambled(batch, slice(0, 1)))
    )
    assert parts != other_parts
    assert not torch.equal(gradients["mask_head.lay5.weight"], other_gradients["mask_head.lay5.weight"])


def test_stage_2_learns_every_tensor_of_the_mask_head_and_no_other():
    model = model_in(DetrStage.MASKS)
    _, gradients = loss_and_gradients(model, make_batch())
    assert set(gradients) == {name for name in model.state_dict() if name.startswith(MASK_PARTS)}
    assert all(gradient.abs().sum() > 0 for gradient in gradients.values())


def test_stage_2_changes_no_bit_of_what_stage_1_learnt():
    model = make_model()  # batch norms with momentum: in training mode their statistics would move
    model.set_stage(DetrStage.MASKS)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    for seed in range(2):
        model.train()
        optimizer.zero_grad()
        sum(model.loss(make_batch(seed=seed)).values()).backward()
        optimizer.step()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]) != name.startswith(MASK_PARTS)


def test_going_back_to_stage_1_learns_boxes_again():
    model = model_in(DetrStage.MASKS)
    model.set_stage(DetrStage.BOXES)
    assert model.train().detr.training
    _, gradients = loss_and_gradients(model, make_batch())
    assert "detr.class_embed.weight" in gradients


def all_queries_loss(model, batch):
    """The mask loss as published: masks of all queries, of which the matched ones are picked."""
    batch_size, batch = len(batch.images), batch.only(batch.has_mask)
    outputs, masks = model(batch.images)
    targets = Targets.of(batch)
    matches = match_queries(outputs.logits[-1], outputs.boxes[-1], targets)
    picked = masks[matches.image, matches.query]
    count = torch.tensor(float(len(batch.classes)))
    parts = mask_losses(picked, batch.masks[matches.target], count, model.loss_weights)
    return {name: part * batch_size for name, part in parts.items()}


@pytest.mark.parametrize("objects", [1, 3, 11])  # 11 objects: more than queries
def test_matched_queries_alone_give_the_loss_and_gradients_of_all_queries(objects):
    model, batch = model_in(DetrStage.MASKS), make_batch((True, False, True), objects, seed=4)
    parts, gradients = loss_and_gradients(model, batch)
    model.zero_grad()
    expected = all_queries_loss(model, batch)
    sum(expected.values()).backward()
    assert parts == pytest.approx({name: float(part.detach()) for name, part in expected.items()}, rel=1e-5)
    wanted = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    assert gradients.keys() == wanted.keys()
    largest = max(float(gradient.abs().max()) for gradient in wanted.values())
    for name, gradient in gradients.items():
        assert torch.allclose(gradient, wanted[name], rtol=1e-4, atol=largest * 1e-6)


def test_the_mask_head_runs_as_many_rows_as_objects():
    model, rows = model_in(DetrStage.MASKS), []
    model.mask_head.lay1.register_forward_hook(lambda _module, inputs, _output: rows.append(len(inputs[0])))
    model.loss(make_batch((True, False, True), objects_per_image=3))
    assert rows == [6]


def test_a_query_s_mask_does_not_depend_on_the_other_rows():
    model = make_model().eval()
    images = make_batch().images
    with torch.inference_mode():
        outputs, masks = model(images)
        some = model.mask_logits(outputs, torch.tensor([3, 0, 3]), torch.tensor([5, 1, 0]))
    assert torch.allclose(some, torch.stack([masks[3, 5], masks[0, 1], masks[3, 0]]), atol=1e-5)


@pytest.mark.parametrize("stage", DetrStage)
@pytest.mark.parametrize(("has_mask", "objects"), [((True, True), 0), ((False, False), 2), ((False,), 0)])
def test_batches_without_targets_train(stage, has_mask, objects):
    model = model_in(stage)
    parts, gradients = loss_and_gradients(model, make_batch(has_mask, objects))
    assert all(math.isfinite(part) for part in parts.values())
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients.values())
    if stage is DetrStage.MASKS:
        assert set(parts.values()) == {0.0}
        assert not any(gradient.any() for gradient in gradients.values())


@pytest.mark.parametrize("stage", DetrStage)
def test_a_batch_twice_has_twice_the_loss(stage):
    model = model_in(stage, CALM).eval()
    once = make_batch((True, True), 2)
    twice = replace(
        once,
        **{name: torch.cat([part] * 2) for name, part in vars(once).items() if name != "image_index"},
        image_index=torch.cat([once.image_index, once.image_index + 2]),
    )
    parts, doubled = model.loss(once), model.loss(twice)
    for name, part in parts.items():
        assert doubled[name].item() == pytest.approx(2 * part.item(), rel=1e-4)


def test_mask_images_renumbers_the_objects():
    batch = make_batch((False, True, False, True), 2)
    kept = batch.only(batch.has_mask)
    assert kept.image_index.tolist() == [0, 0, 1, 1]
    assert torch.equal(kept.boxes, batch.boxes[[2, 3, 6, 7]])
    assert torch.equal(kept.images, batch.images[[1, 3]])
    assert torch.equal(kept.masks, batch.masks[[2, 3, 6, 7]])


def images_looked_at(model):
    counts = []
    model.detr.register_forward_hook(lambda _module, inputs, _output: counts.append(len(inputs[0])))
    return counts


def test_kept_outputs_give_the_same_loss_and_gradients_without_looking_again():
    model, batch = model_in(DetrStage.MASKS), make_batch((True, True, True, False))
    expected, expected_gradients = loss_and_gradients(model, batch)
    model.keep_outputs(10**8)
    looked = images_looked_at(model)
    loss_and_gradients(model, make_batch((True, False, False, False)).only(torch.tensor([True, False, False, False])))
    parts, gradients = loss_and_gradients(model, batch)
    again, _ = loss_and_gradients(model, batch)
    assert looked == [1, 1, 1]  # one by one; the first image was known, the box image is not wanted
    assert parts == again == pytest.approx(expected, rel=1e-5)
    largest = max(float(gradient.abs().max()) for gradient in expected_gradients.values())
    for name, gradient in gradients.items():
        assert torch.allclose(gradient, expected_gradients[name], rtol=1e-4, atol=largest * 1e-5)


def test_what_does_not_fit_is_looked_at_again():
    model, batch = model_in(DetrStage.MASKS), make_batch((True, True))
    expected, _ = loss_and_gradients(model, batch)
    looked = images_looked_at(model)
    model.keep_outputs(1000)
    assert [loss_and_gradients(model, batch)[0] for _ in range(2)] == [pytest.approx(expected, rel=1e-5)] * 2
    assert looked == [1, 1, 1, 1]


def test_what_is_kept_of_an_image_is_the_same_to_the_last_bit_whatever_came_with_it():
    model, images = model_in(DetrStage.MASKS).eval(), make_batch((True,) * 4).images
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        together = KeptOutputs(10**8).outputs(images, model.detr)
        apart = KeptOutputs(10**8)
        apart.outputs(images[[2]], model.detr)
        apart = apart.outputs(images[[3, 2, 1]], model.detr)
    for name in ("logits", "boxes"):
        assert torch.equal(getattr(apart, name), getattr(together, name)[:, [3, 2, 1]])
    assert torch.equal(apart.memory, together.memory[[3, 2, 1]])


def test_learning_boxes_forgets_what_was_kept():
    model, batch = model_in(DetrStage.MASKS), make_batch((True, True))
    model.keep_outputs(10**8)
    looked = images_looked_at(model)
    for stage in (DetrStage.MASKS, DetrStage.BOXES, DetrStage.MASKS):
        model.set_stage(stage)
        model.loss(batch)
    assert looked == [2, 2, 2]


def test_two_stages_learn_two_images_by_heart():
    model = make_model(CALM)
    batch = make_batch((True, True), 1)
    square = torch.zeros_like(batch.masks)
    square[:, 2:7, 3:8] = 1
    batch = replace(batch, masks=square)
    losses = {}
    for stage, rate in ((DetrStage.BOXES, 5e-4), (DetrStage.MASKS, 5e-3)):
        model.set_stage(stage)
        optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=rate)
        seen = []
        for _ in range(25):
            model.train()
            optimizer.zero_grad()
            total = sum(model.loss(batch).values())
            total.backward()
            optimizer.step()
            seen.append(float(total.detach()))
        losses[stage] = seen
    assert losses[DetrStage.BOXES][-1] < losses[DetrStage.BOXES][0] / 2
    assert losses[DetrStage.MASKS][-1] < losses[DetrStage.MASKS][0] / 2
    with torch.inference_mode():
        found = model.eval().detect(batch.images, DetectSettings(min_score=0.0))
    assert len(found) == 2
    assert all(one.classes.max() < CLASSES for one in found)
