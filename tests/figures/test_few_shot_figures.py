import numpy as np
import pandas as pd
import pytest

from splitlab.app.few_shot import _SIDE, _masked_square, _prototype_square
from splitlab.atlas.rows import FEW_SHOT_COLUMNS
from splitlab.budget.published import published_few_shot
from splitlab.figures.few_shot import MEASURED, PUBLISHED, class_bars, measured_by_class, published_by_class


def row(setting, start, name, group, ap70, seed=0, variant="discs"):
    told = dict.fromkeys(FEW_SHOT_COLUMNS, 0) | {"variant": variant, "setting": setting, "start": start, "seed": seed}
    return told | {"class": name, "group": group, "ap70": ap70}


TABLE = pd.DataFrame(
    [
        row("base", "backbone", "square", "base", 90.0),
        row("few-shot", "base", "disc", "novel", 40.0),
        row("few-shot", "base", "disc", "novel", 50.0, seed=1),
        row("few-shot", "base", "ring", "novel", 20.0),
        row("zero-shot", "base", "disc", "novel", 0.0),
        row("zero-shot", "base", "ring", "novel", np.nan),
        row("all masks", "backbone", "square", "base", 95.0),
        row("all masks", "backbone", "disc", "novel", 88.0, variant="rings"),
    ]
)


def test_table_4_stands_class_by_class_as_it_is_printed():
    by_class = published_by_class(published_few_shot())
    assert by_class["class"].tolist()[:2] == ["aeroplane", "cow"]
    assert by_class["class"].tolist()[-1] == "mean"
    assert by_class[list(PUBLISHED)].iloc[-1].tolist() == [46.3, 55.0, 70.6]
    assert set(PUBLISHED) == set(published_few_shot()["pretrain"])


def test_measured_rows_are_means_over_seeds_of_the_novel_classes_of_one_variant():
    by_class = measured_by_class(TABLE, "discs", "ap70")
    assert by_class["class"].tolist() == ["disc", "ring", "mean"]
    assert list(by_class.columns) == ["class", "zero-shot, base", "few-shot, base"]
    assert by_class["few-shot, base"].tolist() == [45.0, 20.0, 32.5]
    assert by_class["zero-shot, base"].iloc[0] == 0.0
    assert np.isnan(by_class["zero-shot, base"].iloc[1])


def test_published_bars_are_outlines_and_measured_ones_are_filled():
    published = class_bars(published_by_class(published_few_shot()), PUBLISHED, "AP")
    assert all(bar.marker.color.startswith("rgba") for bar in published.data)
    styles = {way: MEASURED[way] for way in ("zero-shot, base", "few-shot, base")}
    measured = class_bars(measured_by_class(TABLE, "discs", "ap70"), styles, "AP")
    assert [bar.marker.color for bar in measured.data] == [style.colour for style in styles.values()]
    assert [bar.name for bar in measured.data] == [style.name for style in styles.values()]


@pytest.mark.parametrize(("highest", "digits"), [(100.0, ".1f"), (1.0, ".2f")])
def test_bars_show_as_many_digits_as_their_scale_asks_for(highest, digits):
    figure = class_bars(measured_by_class(TABLE, "discs", "ap70"), {}, "AP", highest)
    assert figure.layout.yaxis.range[1] > highest
    styles = {"few-shot, base": MEASURED["few-shot, base"]}
    (bar,) = class_bars(measured_by_class(TABLE, "discs", "ap70"), styles, "AP", highest).data
    assert digits in bar.texttemplate


def test_a_prototype_is_light_where_it_adds_to_the_object():
    picture = _prototype_square(np.array([[1.0, -1.0], [0.0, 0.5]], np.float32), -2.0)
    assert picture.shape == (_SIDE, _SIDE)
    assert picture[0, 0] == 0
    assert picture[0, -1] == 255
    assert _prototype_square(np.zeros((2, 2), np.float32), 1.0).std() == 0


def test_a_mask_is_painted_where_it_is_and_the_box_is_drawn():
    square = np.zeros((64, 64, 3), np.uint8)
    mask = np.array([[True, False], [False, False]])
    picture = _masked_square(square, np.array([32.0, 32, 64, 64]), mask, "#ff0000")
    assert picture[10, 10, 0] > 100
    assert picture[10, -10].tolist() == [0, 0, 0]
    assert picture[_SIDE // 2, -20].tolist() == [255, 0, 0]
    assert not square.any()
