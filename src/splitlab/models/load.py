"""From a checkpoint folder to a model that is ready to look at images."""

from __future__ import annotations

from pathlib import Path

import torch

from splitlab.errors import CheckpointError, SplitLabError
from splitlab.models.contract import SegmentationModel
from splitlab.models.registry import build_model
from splitlab.runs.checkpoint import Card, read_card, read_weights
from splitlab.runs.stored_weights import Weights


def load_model(folder: Path) -> tuple[SegmentationModel, Card]:
    """Build the model of a checkpoint and fill in its weights, in evaluation mode on the CPU.

    It cuts masks to their boxes, and refines boxes, as the card says.

    Raises:
        CheckpointError: the checkpoint is not whole, or its weights are not of the model its card names.
    """
    card, weights = read_card(folder), read_weights(folder)
    try:
        model = build_model(card.model, len(card.class_names), card.image_size, weights)
    except SplitLabError as error:
        raise CheckpointError(f"{folder}: its card cannot be followed. {error}") from error
    tensors = {name: torch.from_numpy(tensor) for name, tensor in weights.items()}
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise CheckpointError(
            f"{folder}: its weights are not those of {card.model} with {len(card.class_names)} classes. "
            "Card and weights come from different models."
        ) from error
    model.cuts_masks, model.refines_boxes = card.cuts_masks, card.refines_boxes
    return model.eval(), card


def weights_of(model: SegmentationModel) -> Weights:
    """Return a model's state dict as arrays, ready for `save_checkpoint`."""
    return {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in model.state_dict().items()}
