from dataclasses import replace
from pathlib import Path

import numpy as np

from splitlab.data.dataset import ImageLabels, ObjectLabel
from splitlab.figures.labels import as_full, as_weak, class_counts_chart, class_legend_html
from splitlab.geometry import mask_to_rle

SIDE = 400
MASK = np.zeros((SIDE, SIDE), bool)
MASK[100:200, 50:300] = True
LABELS = ImageLabels(1, Path("x"), SIDE, SIDE, (ObjectLabel(0, (50, 100, 300, 200), mask_to_rle(MASK)),))
PHOTO = np.full((SIDE, SIDE, 3), 90, np.uint8)


def test_f_colours_the_mask_and_nothing_else():
    changed = (as_full(PHOTO, LABELS) != PHOTO).any(axis=2)
    assert (changed == MASK).mean() > 0.99


def test_w_draws_the_box_alone_whatever_the_mask():
    other = replace(LABELS, objects=(replace(LABELS.objects[0], mask=None),))
    assert (as_weak(PHOTO, LABELS) == as_weak(PHOTO, other)).all()
    inside = as_weak(PHOTO, LABELS)[110:190, 60:290]
    assert (inside == 90).all()
    assert (as_full(PHOTO, other) == PHOTO).all()


def test_w_leaves_difficult_objects_out():
    hard = replace(LABELS, objects=(replace(LABELS.objects[0], is_difficult=True),))
    assert (as_weak(PHOTO, hard) == PHOTO).all()


def test_the_photo_given_stays_as_it_is_and_small_ones_are_enlarged():
    small = np.full((100, 80, 3), 90, np.uint8)
    label = ObjectLabel(0, (0, 0, 40, 40), mask_to_rle(np.ones((100, 80), bool)))
    assert as_full(small, ImageLabels(1, Path("x"), 80, 100, (label,))).shape == (200, 160, 3)
    assert (small == 90).all()


def test_class_names_from_users_are_text_in_the_legend():
    assert "<script>" not in class_legend_html(["<script>alert(1)</script>"], [0])


def test_counts_are_stacked_by_kind_and_empty_kinds_are_left_out():
    figure = class_counts_chart({"a": 3, "b": 1}, {"a": 0, "b": 0}, "Objects", ("with masks", "boxes only"))
    assert [trace.name for trace in figure.data] == ["with masks"]
    figure = class_counts_chart({"a": 3, "b": 1}, {"a": 0, "b": 9}, "Objects", ("with masks", "boxes only"))
    assert list(figure.data[0].y) == ["a", "b"]
    assert list(figure.data[1].x) == [0, 9]
