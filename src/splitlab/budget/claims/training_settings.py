"""Sec. 3.4, 4.2 and 4.6: how the models were trained, beside the authors' published code where no table tells."""

import pandas as pd

from splitlab.budget.claims.claim import Claim, Verdict


def claims_of_training(table: pd.DataFrame) -> list[Claim]:
    """The claims of Sec. 3.4 and 4.2, in the paper's order."""
    return [
        _of_the_text(
            table,
            "four-losses",
            "3.4",
            "The overall loss is a combination of four individual loss components (Eq. 1).",
            "holds",
            "Eq. 1 adds 4 parts, class, objectness, box and mask, with 3 weights: the box and the mask part share one.",
        ),
        _of_the_text(
            table,
            "yolo-settings",
            "4.2",
            "YOLOv5 was trained with a batch size of 16, and an image size of 512 for VOC2012 and 1024 for Cityscapes.",
            "holds but for",
            "No table tells. The authors' published code takes both image sizes, and batches of 16 on VOC2012, but of "
            "8 on Cityscapes.",
        ),
        _of_the_text(
            table,
            "detr-settings",
            "4.2",
            "DETR has ResNet-50; its default image size is 800 pixels, with a maximum of 1333, and batches hold 10 "
            "images in the box phase and 3 in the mask phase.",
            "holds",
            "No table tells. The authors' published code says the same: a short side up to 800, at most 1,333, batches "
            "of 10 and of 3.",
        ),
    ]


def few_shot_length(table: pd.DataFrame) -> Claim:
    """Sec. 4.6: how long the few-shot models were trained."""
    return _of_the_text(
        table,
        "few-shot-length",
        "4.6",
        "The few-shot model is fine-tuned for 20k iterations.",
        "holds",
        "No table tells. The authors' published code says 20,000 iterations.",
    )


def _of_the_text(table: pd.DataFrame, key: str, section: str, statement: str, holds: Verdict, finding: str) -> Claim:
    return Claim(key, section, statement, holds, finding, rows=table.iloc[:0])
