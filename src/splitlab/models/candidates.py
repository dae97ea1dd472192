"""All that a YOLO predicts before anything is chosen, and the choice: best first, suppression by torchvision."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as nnf
from torch import Tensor
from torchvision.ops import batched_nms

from splitlab.models.contract import Detections, DetectSettings

# So many candidates reach the suppression, best first: it is quadratic in them.
MAX_CANDIDATES = 3000


@dataclass(frozen=True)
class Candidates:
    """The predictions of all A cells of B images, float32.

    Attributes:
        boxes: (B, A, 4) xyxy, pixels of the S x S images.
        scores: (B, A, classes) 0..1; a cell may stand for several classes.
        coefficients: (B, A, P) of the prototypes.
        prototypes: (B, P, h, w); a mask's logits are its cell's coefficients times these.
        answered_once: True where the model was trained to answer once for an object and needs no suppression.
    """

    boxes: Tensor
    scores: Tensor
    coefficients: Tensor
    prototypes: Tensor
    answered_once: bool = False

    def by_name(self) -> dict[str, Tensor]:
        """Return the four tensors by their names."""
        return {name: getattr(self, name) for name in ("boxes", "scores", "coefficients", "prototypes")}


def best_detections(candidates: Candidates, settings: DetectSettings) -> list[Detections]:
    """Choose the detections of each image."""
    c = candidates
    images = zip(c.boxes, c.scores, c.coefficients, c.prototypes, strict=True)
    return [_choose(*image, c.answered_once, settings) for image in images]


def _choose(
    boxes: Tensor, scores: Tensor, coefficients: Tensor, prototypes: Tensor, once: bool, settings: DetectSettings
) -> Detections:
    named = scores > settings.min_score
    # Ultralytics leaves out the other classes where it suppresses boxes, and nowhere else.
    if settings.best_class_only and not once:
        named &= nnf.one_hot(scores.argmax(dim=1), scores.shape[1]).bool()
    place, label = named.nonzero(as_tuple=True)
    best = scores[place, label].argsort(descending=True, stable=True)[:MAX_CANDIDATES]
    place, label = place[best], label[best]
    score = scores[place, label]
    if not once:
        kept = batched_nms(boxes[place], score, label, settings.nms_iou)
        place, label, score = place[kept], label[kept], score[kept]
    most = slice(settings.max_detections)
    logits = torch.einsum("np,phw->nhw", coefficients[place[most]], prototypes)
    return Detections(boxes[place[most]], score[most], label[most], logits)
