"""A DETR of two layers and batches of random objects, small enough to train in a test."""

from dataclasses import replace

import torch

from splitlab.models.contract import Batch
from splitlab.models.detr.detr_seg import DETRSeg
from splitlab.models.detr.sizes import DetrSize, Norm

SIDE = 64
CLASSES = 3
TINY = DetrSize("resnet18", 8, 2, 2, 128, 8, 64, norm=Norm.LEARNT)
CALM = replace(TINY, dropout=0.0)


def make_model(size=TINY, seed=0):
    torch.manual_seed(seed)
    return DETRSeg(size, CLASSES)


def make_batch(has_mask=(True, True, False, False), objects_per_image=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    count = len(has_mask) * objects_per_image
    corner = torch.rand(count, 2, generator=generator) * 30
    size = torch.rand(count, 2, generator=generator) * 20 + 8
    return Batch(
        images=torch.rand(len(has_mask), 3, SIDE, SIDE, generator=generator),
        boxes=torch.cat([corner, corner + size], dim=1),
        classes=torch.randint(0, CLASSES, (count,), generator=generator),
        image_index=torch.arange(len(has_mask)).repeat_interleave(objects_per_image),
        has_mask=torch.tensor(has_mask),
        masks=torch.randint(0, 2, (count, SIDE // 4, SIDE // 4), generator=generator, dtype=torch.uint8),
    )


def loss_and_gradients(model, batch):
    """Two calls on equal data see equal dropout and equal batch statistics."""
    model.zero_grad()
    model.train()
    torch.manual_seed(1)
    parts = model.loss(batch)
    sum(parts.values()).backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    return {name: float(part.detach()) for name, part in parts.items()}, gradients
