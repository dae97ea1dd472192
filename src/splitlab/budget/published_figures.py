"""The columns of the paper's Fig. 2, 3 and 4: which splits it shows side by side, and how such a model is trained."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FigureColumn:
    """One column: its head as printed, such as "200/10k", and its row in the paper's tables."""

    printed: str
    full: int
    weak: int


@dataclass(frozen=True)
class PublishedFigure:
    """A figure of masks side by side.

    Attributes:
        name: such as "Fig. 2".
        dataset, method: as the paper's tables name them.
        recipe: the recipe that trains its models.
        columns: left to right, after the photo and the truth.
    """

    name: str
    dataset: str
    method: str
    recipe: str
    columns: tuple[FigureColumn, ...]


FIGURES = (
    PublishedFigure(
        "Fig. 2", "VOC2012", "YOLOv5", "paper-voc",
        (
            FigureColumn("200/10k", 200, 10531),
            FigureColumn("400/5k", 400, 5000),
            FigureColumn("800/3k", 800, 3000),
            FigureColumn("1464/0", 1464, 0),
        ),
    ),
    PublishedFigure(
        "Fig. 3", "Cityscapes", "YOLOv5", "paper-cityscapes",
        (
            FigureColumn("200/2775", 200, 2775),
            FigureColumn("400/2k", 400, 2000),
            FigureColumn("800/1k", 800, 1000),
            FigureColumn("1475/0", 1475, 0),
        ),
    ),
    PublishedFigure(
        "Fig. 4", "VOC2012", "DETR", "paper-detr-voc",
        (
            FigureColumn("400/10k", 400, 10331),
            FigureColumn("800/3k", 800, 3000),
            FigureColumn("1464/1000", 1464, 1000),
        ),
    ),
)  # fmt: skip
