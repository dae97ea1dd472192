"""Steps from one split to the next with more boxes or more masks, and what each does to the score (Observation 3)."""

from typing import Literal

import pandas as pd

Grows = Literal["weak", "full"]


def steps_of(rows: pd.DataFrame, metric: str, grows: Grows = "weak") -> pd.DataFrame:
    """Return one row for each step to a larger |W| (or |F|) while the other stays.

    Args:
        rows: of one model on one data set that report the metric; of several trainings of a split the mean counts.
        metric: the score, a column.
        grows: what grows along a step.

    Returns:
        The column that stays and the one that grows, `before` (the smaller size), ap_before, ap, gain (AP) and
        per_thousand (AP gained for each 1,000 images).
    """
    fixed = "full" if grows == "weak" else "weak"
    means = rows.groupby([fixed, grows])[metric].mean().reset_index().rename(columns={metric: "ap"})
    earlier = means.groupby(fixed).shift(1)
    steps = means.assign(before=earlier[grows], ap_before=earlier["ap"]).dropna(subset="before")
    gain = steps["ap"] - steps["ap_before"]
    grown = steps[grows] - steps["before"]
    return steps.assign(
        before=steps["before"].astype("int64"), gain=gain, per_thousand=1000 * gain / grown
    ).reset_index(drop=True)
