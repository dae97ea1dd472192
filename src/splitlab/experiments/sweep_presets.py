"""The paper's own sweeps by name: the splits of its tables, on its own images, by its recipes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from splitlab.budget.published import method_rows, published_results


@dataclass(frozen=True)
class Preset:
    """One method of the paper on one data set.

    Attributes:
        dataset, method: of the published rows, whose splits are taken.
        recipe: how they are trained.
        passes, mask_passes: see `SweepPlan`; the paper counts DETR's length in epochs, YOLOv5's in iterations.
    """

    dataset: str
    method: str
    recipe: str
    passes: int = 0
    mask_passes: int = 0

    def content(self) -> dict[str, Any]:
        """Return it as a plan says it."""
        rows = method_rows(published_results(), self.dataset, self.method)
        return {
            "splits": [f"{full}/{weak}" for full, weak in zip(rows["full"], rows["weak"], strict=True)],
            "recipe": self.recipe,
            "draw": "paper",
            "passes": self.passes,
            "mask_passes": self.mask_passes,
        }


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "voc-yolo": Preset("VOC2012", "YOLOv5", "paper-voc"),
        "voc-detr": Preset("VOC2012", "DETR", "paper-detr-voc", 300, 150),
        "cityscapes-yolo": Preset("Cityscapes", "YOLOv5", "paper-cityscapes"),
    }
)
