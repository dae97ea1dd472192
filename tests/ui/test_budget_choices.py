import math

import pandas as pd

from splitlab.app.widgets.budget_choices import Source


def test_an_unknown_seed_beside_known_ones_does_not_count_as_a_second_seed():
    rows = pd.DataFrame({"full": [30, 60, 60, 120], "weak": [0, 0, 100, 0], "ap70": [41.0, 52.0, 55.0, 58.0]})
    for seeds, told_apart in (([0, 0, 1, math.nan], 1), ([0, 0, 1, 1], 2)):
        source = Source("pets", "YOLOv5", "measured", "ap70", rows.assign(seed=seeds))
        assert source.surface.luck.seeds == told_apart
        assert source.runs["seed"].nunique() == told_apart
