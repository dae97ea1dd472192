"""A DETR of two layers and batches of random objects, small enough to train in a test."""

from dataclasses import replace

import torch

from splitlab.models.detr.seg import DETRSeg
from splitlab.models.detr.sizes import DetrSize, Norm
from tests.models.batches import CLASSES, SIDE, make_batch

__all__ = ["CALM", "CLASSES", "SIDE", "TINY", "make_batch", "make_model"]

TINY = DetrSize("resnet18", 8, 2, 2, 128, 8, 64, norm=Norm.LEARNT)
CALM = replace(TINY, dropout=0.0)


def make_model(size=TINY, seed=0):
    torch.manual_seed(seed)
    return DETRSeg(size, CLASSES)


def loss_and_gradients(model, batch):
    """Two calls on equal data see equal dropout and equal batch statistics."""
    model.zero_grad()
    model.train()
    torch.manual_seed(1)
    parts = model.loss(batch)
    sum(parts.values()).backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    return {name: float(part.detach()) for name, part in parts.items()}, gradients
