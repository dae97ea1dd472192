"""The loss of one fused batch of a run, part by part and image by image."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from splitlab.data.dataset import Dataset, ImageLabels
from splitlab.data.split import Split
from splitlab.errors import SettingsError
from splitlab.geometry import mask_to_rle
from splitlab.models.contract import Batch, SegmentationModel
from splitlab.models.yolov5.loss import inside_boxes
from splitlab.runs.spec import RunSpec
from splitlab.training.fused_batch import BatchImage, BatchLook, Scramble
from splitlab.training.schedule import Stage
from splitlab.training.start import batches_of, starting_model

_COIN_SEED = 20


def batch_images(spec: RunSpec, split: Split, dataset: Dataset, step: int) -> tuple[BatchImage, ...]:
    """Return the images of the fused batch at a step.

    Raises:
        SettingsError: the model has two stages, so it has no fused batches.
        DataError, ImageError: a photo or mask cannot be read, or the split belongs to other data.
    """
    full, weak = dataset.select(split.full), dataset.select(split.weak)
    return _images_of(_fused(spec, full, weak, step))


def look_at_batch(
    spec: RunSpec, split: Split, dataset: Dataset, step: int, scramble: Scramble = Scramble.NOTHING
) -> BatchLook:
    """Compute the loss of the fused batch at a step with the model as the run starts it.

    Pulls are gradients at the model's outputs for each image. They leave out that images influence each other slightly
    through batch normalisation, which does not involve labels. `scramble` replaces masks first: those of W in the
    labels and in the batch, or the largest object's of F in the batch only, because its box has already been computed.

    Raises:
        SettingsError: the model does not support it.
        CheckpointError: the start weights cannot be read.
        DataError, ImageError: a photo or mask cannot be read, or the split belongs to other data.
    """
    full, weak = dataset.select(split.full), dataset.select(split.weak)
    model, _ = starting_model(spec, dataset.class_names, [*full, *weak])
    batch = _fused(spec, full, _scrambled_labels(weak) if scramble is Scramble.WEAK else weak, step)
    rows = _rows_of(batch, scramble)
    return _look(model, _with_coin_flips(batch, rows), int(rows.sum()))


def _fused(spec: RunSpec, full: Sequence[ImageLabels], weak: Sequence[ImageLabels], step: int) -> Batch:
    if spec.mask_stage.steps:
        raise SettingsError(
            f"{spec.model} trains boxes first, then masks, so none of its batches mixes images of F and W."
        )
    return batches_of(Stage("", 0, spec), full, weak)[step]


def _scrambled_labels(images: Sequence[ImageLabels]) -> list[ImageLabels]:
    """Replace every mask by a coin flip for each pixel of its image."""
    rng = np.random.default_rng(_COIN_SEED)

    def scrambled(labels: ImageLabels) -> ImageLabels:
        coins = rng.random((labels.height, labels.width)) < 0.5
        noise = mask_to_rle(coins)
        objects = (replace(label, mask=noise) if label.mask else label for label in labels.objects)
        return replace(labels, objects=tuple(objects))

    return [scrambled(labels) for labels in images]


def _rows_of(batch: Batch, scramble: Scramble) -> Tensor:
    """Return (N,) bool: the objects of the batch whose masks are scrambled."""
    of_full = batch.has_mask[batch.image_index]
    if scramble is Scramble.WEAK:
        return ~of_full
    rows = torch.zeros_like(of_full)
    if scramble is Scramble.FULL and of_full.any():
        areas = (batch.boxes[:, 2:] - batch.boxes[:, :2]).prod(dim=1)
        rows[(areas * of_full).argmax()] = True
    return rows


def _with_coin_flips(batch: Batch, rows: Tensor) -> Batch:
    """Replace the masks of some objects inside their boxes, where a loss would read them."""
    height, width = batch.masks.shape[1:]
    boxes = batch.boxes * (width / batch.images.shape[-1])
    coins = torch.rand(batch.masks.shape, generator=torch.Generator().manual_seed(_COIN_SEED)) < 0.5
    replaced = rows[:, None, None] & inside_boxes(boxes, height, width)
    return replace(batch, masks=torch.where(replaced, coins.to(batch.masks), batch.masks))


def _look(model: SegmentationModel, batch: Batch, scrambled: int) -> BatchLook:
    model.train()
    loss = model.explained_loss(batch)
    pulls = {name: _pulls(part, loss.outputs) for name, part in loss.parts.items()}
    torch.autograd.backward(list(loss.parts.values()))
    return BatchLook(
        _images_of(batch),
        {name: part.item() for name, part in loss.parts.items()},
        loss.gains,
        pulls,
        {name: _digest(parameter.grad) for name, parameter in model.named_parameters()},
        scrambled,
    )


def _pulls(part: Tensor, outputs: Sequence[Tensor]) -> tuple[float, ...]:
    """Return for each image the norm of a part's gradient with respect to all outputs for the image."""
    gradients = torch.autograd.grad(part, outputs, retain_graph=True, materialize_grads=True)
    squares = sum(gradient.double().flatten(1).square().sum(dim=1) for gradient in gradients)
    return tuple(torch.as_tensor(squares).sqrt().tolist())


def _digest(gradient: Tensor | None) -> str:
    return "" if gradient is None else hashlib.sha256(gradient.contiguous().numpy().tobytes()).hexdigest()


def _images_of(batch: Batch) -> tuple[BatchImage, ...]:
    pixels = (batch.images.permute(0, 2, 3, 1) * 255).round().to(torch.uint8)
    return tuple(
        BatchImage(
            pixels[place].numpy(),
            batch.boxes[own].numpy(),
            batch.classes[own].numpy(),
            batch.masks[own].bool().numpy(),
            bool(batch.has_mask[place]),
        )
        for place in range(len(pixels))
        for own in [batch.image_index == place]
    )
