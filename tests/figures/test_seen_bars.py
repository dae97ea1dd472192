"""The bars of what all, some, one or none of the models see."""

import pandas as pd

from splitlab.evaluation.disagreement import SeenBy
from splitlab.figures.errors import seen_bars

COUNTS = pd.DataFrame({SeenBy.ALL: [600, 0], SeenBy.SOME: [30, 0], SeenBy.ONE: [2, 7], SeenBy.NONE: [368, 0]})


def test_of_two_models_there_are_no_some():
    bars = seen_bars(COUNTS, ["cat", "nothing"], 2, "#000000").data
    assert [bar.name for bar in bars] == ["by all 2", "by one", "by none"]
    assert bars[1].text == ("2", "7")


def test_bars_let_the_page_through_under_letters_of_its_colour():
    bars = seen_bars(COUNTS, ["cat", "nothing"], 4, "#E8EAF2").data
    opacities = [float(bar.marker.color.strip(")").split(",")[-1]) for bar in bars]
    assert 1 > opacities[0] > opacities[1] > opacities[2] > opacities[3] == 0
    assert {bar.insidetextfont.color for bar in bars} == {"#E8EAF2"}
