"""Batches cut down, passes through a model, and Ultralytics' own loss beside ours."""

import copy
from dataclasses import replace

import torch

from splitlab.models.ultralytics.loss import _ultralytics_labels
from tests.models.batches import SIDE

ROWS = ("boxes", "classes", "image_index", "object_has_mask", "masks")
READ_MASKS = {"yolov8n-seg": {"mask"}, "yolo11n-seg": {"mask"}, "yolo26n-seg": {"mask", "semantic"}}


def loss_and_gradients(model, batch):
    model.zero_grad()
    parts = model.loss(batch)
    sum(parts.values()).backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    return {name: float(part.detach()) for name, part in parts.items()}, gradients


def of_images(batch, images):
    """The batch without the other images."""
    images = torch.tensor(images)
    rows = torch.isin(batch.image_index, images)
    return replace(
        batch,
        images=batch.images[images],
        boxes=batch.boxes[rows],
        classes=batch.classes[rows],
        image_index=torch.searchsorted(images, batch.image_index[rows]),
        has_mask=batch.has_mask[images],
        object_has_mask=batch.object_has_mask[rows],
        masks=batch.masks[rows],
    )


def their_loss(model, batch):
    """Ultralytics' own criterion, which knows of no box images, on our model's predictions."""
    labels = _ultralytics_labels(replace(batch, object_has_mask=torch.ones_like(batch.object_has_mask)))
    parts, _ = model.network.init_criterion()(model(batch.images), labels)
    return parts.detach()


def patchwork(count):
    """Images of coloured patches: noise looks all alike to a deep layer."""
    patches = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    return torch.nn.functional.interpolate(patches, SIDE)


def with_opinions(model, images):
    """A copy whose scores, boxes and masks differ from cell to cell of these images, as after training."""
    model = copy.deepcopy(model).train()
    generator = torch.Generator().manual_seed(1)
    for name, parameter in model.head.named_parameters():
        if ".2." in name and "semseg" not in name:  # the last layer of each branch
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.data = noise * 0.001 if parameter.ndim > 1 else noise + 1
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        model(images)
    return model.eval()


def in_their_order(parts):
    ordered = [parts["box"], parts["mask"], parts["class"], parts["distance"], parts.get("semantic", 0.0)]
    return torch.tensor([torch.as_tensor(part).item() for part in ordered])
