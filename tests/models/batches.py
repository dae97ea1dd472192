"""Batches of random objects, small enough for a test."""

from dataclasses import replace

import torch

from splitlab.models.contract import Batch
from splitlab.models.registry import build_model

SIDE = 64
CLASSES = 3


def make_batch(has_mask=(True, True, False, False), objects_per_image=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    count = len(has_mask) * objects_per_image
    image_index = torch.arange(len(has_mask)).repeat_interleave(objects_per_image)
    corner = torch.rand(count, 2, generator=generator) * 30
    size = torch.rand(count, 2, generator=generator) * 20 + 8
    return Batch(
        images=torch.rand(len(has_mask), 3, SIDE, SIDE, generator=generator),
        boxes=torch.cat([corner, corner + size], dim=1),
        classes=torch.randint(0, CLASSES, (count,), generator=generator),
        image_index=image_index,
        has_mask=torch.tensor(has_mask),
        object_has_mask=torch.tensor(has_mask)[image_index],
        masks=torch.randint(0, 2, (count, SIDE // 4, SIDE // 4), generator=generator, dtype=torch.uint8),
    )


def still_model(name):
    """A model of which two passes see the same statistics."""
    torch.manual_seed(0)
    model = build_model(name, class_count=CLASSES, image_size=SIDE)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.0
    return model


def scramble(batch, images):
    """The batch, with another mask for each object of these images."""
    changed = batch.masks.clone()
    rows = torch.isin(batch.image_index, torch.tensor(images))
    changed[rows] = 1 - changed[rows]
    return replace(batch, masks=changed)


def without_masks(batch, rows):
    """The batch, with the masks of these objects not known."""
    known = batch.object_has_mask.clone()
    known[rows] = False
    return replace(batch, object_has_mask=known)


def scramble_unknown(batch):
    """The batch, with another mask for each object whose mask is not known."""
    masks = torch.where(batch.object_has_mask[:, None, None], batch.masks, 1 - batch.masks)
    return replace(batch, masks=masks)
