"""A fused batch as pictures, as a chart and in words."""

from dataclasses import replace

import numpy as np
import pytest
from plotly.colors import hex_to_rgb

from splitlab.figures.batch import (
    _SIDE,
    _batch_picture,
    _short_names,
    batch_sheet,
    mixed_batch_chart,
    what_changed,
    what_divides,
    who_feeds_what,
)
from splitlab.figures.palette import FULL_HUE, PICK_HUE, WEAK_HUE
from splitlab.training.fused_batch import BatchImage, BatchLook, Scramble, changes_between

GREY = np.full((160, 160, 3), 90, np.uint8)
BOX = np.array([[40.0, 40, 120, 120]], np.float32)
MASK = np.zeros((1, 40, 40), bool)
MASK[0, 10:30, 10:20] = True
OF_FULL = BatchImage(GREY, BOX, np.array([0]), MASK, True)
OF_WEAK = replace(OF_FULL, masks=np.zeros_like(MASK), has_mask=False)
PULLS = {"box": (1.0, 1.0, 2.0), "mask": (3.0, 0.0, 0.0)}
LOOK = BatchLook(
    (OF_FULL, OF_WEAK, OF_WEAK), {"box": 0.6, "mask": 0.9}, {"box": 0.05, "mask": 0.05}, PULLS, {"w": "a"}, 0
)
SCRAMBLED = replace(
    LOOK, losses={"box": 0.6, "mask": 1.2}, pulls={**PULLS, "mask": (4.0, 0.0, 0.0)}, gradients={"w": "b"}, scrambled=1
)


def test_an_image_of_f_shows_its_mask_in_a_frame_of_f_and_one_of_w_its_box_in_a_frame_of_w():
    full, weak = _batch_picture(OF_FULL), _batch_picture(OF_WEAK)
    assert full.shape == weak.shape == (_SIDE, _SIDE, 3)
    assert tuple(full[2, 2]) == hex_to_rgb(FULL_HUE)
    assert tuple(weak[2, 2]) == hex_to_rgb(WEAK_HUE)
    in_mask, in_box_alone = (_SIDE // 2, _SIDE * 3 // 8), (_SIDE // 2, _SIDE * 5 // 8)
    assert (full[in_mask] != 90).any()
    assert (full[in_box_alone] == 90).all()
    assert (weak[in_mask] == 90).all()
    left_edge = (_SIDE // 2, 10 + 40 * (_SIDE - 20) // 160)
    assert (weak[left_edge] != 90).any()


def test_a_mask_of_w_that_stands_in_the_batch_is_shown_for_what_it_is():
    assert (_batch_picture(replace(OF_WEAK, masks=MASK))[_SIDE // 2, _SIDE * 3 // 8] != 90).any()


@pytest.mark.parametrize(("images", "rows", "columns"), [(3, 1, 3), (6, 2, 4)])
def test_a_sheet_lays_the_images_in_rows_of_four_and_is_clear_where_there_is_none(images, rows, columns):
    sheet = batch_sheet([OF_FULL, *[OF_WEAK] * (images - 1)])
    assert sheet.shape == (rows * _SIDE + (rows - 1) * 12, columns * _SIDE + (columns - 1) * 12, 4)
    assert (sheet[:_SIDE, :_SIDE, 3] == 255).all()
    assert (sheet[-1, -1, 3] == 0) == (images == 6)


def test_images_are_counted_in_their_own_set():
    assert _short_names(LOOK.images) == ["F 1", "W 1", "W 2"]


def cells(figure):
    return {((shape.x0 + shape.x1) / 2, (shape.y0 + shape.y1) / 2): shape for shape in figure.layout.shapes}


def test_a_cell_without_any_gradient_is_an_empty_outline_with_a_0():
    figure = mixed_batch_chart(LOOK, LOOK, "#000000")
    drawn = cells(figure)
    assert len(drawn) == 6
    assert {place for place, cell in drawn.items() if cell.fillcolor == "rgba(0,0,0,0)"} == {(1, 1), (2, 1)}
    assert list(figure.data[0].text) == ["<b>25%</b>", "<b>25%</b>", "<b>50%</b>", "<b>100%</b>", "0", "0"]


def test_what_changed_is_framed_and_nothing_else():
    framed = {
        place
        for place, cell in cells(mixed_batch_chart(SCRAMBLED, LOOK, "#000000")).items()
        if cell.line.color == PICK_HUE
    }
    assert framed == {(0, 1)}
    assert not any(cell.line.color == PICK_HUE for cell in cells(mixed_batch_chart(LOOK, LOOK, "#000000")).values())


def test_bars_are_losses_per_image_with_a_line_where_the_batch_size_would_divide_the_mask_loss():
    _, bars, divided = mixed_batch_chart(LOOK, LOOK, "#000000").data
    assert list(bars.x) == pytest.approx([0.2, 0.3])
    assert list(divided.x) == pytest.approx([0.1, 0.1])
    before = mixed_batch_chart(SCRAMBLED, LOOK, "#000000").data[-1]
    assert (before.line.color, before.x[0]) == (PICK_HUE, pytest.approx(0.3))


def test_the_words_count_the_images_that_each_part_learns_from():
    said = who_feeds_what(LOOK)
    assert "**1 image of F** and **2 of W**" in said
    assert "The box parts of the loss learn from all 3 images, the **mask part from 1**." in said
    assert "The mask part has no gradient for images of W." in said


def test_the_words_count_each_part_where_not_all_images_have_objects():
    empty = replace(LOOK, pulls={"box": (1.0, 0.0, 2.0), "class": (1.0, 1.0, 1.0), "mask": (3.0, 0.0, 0.0)})
    said = who_feeds_what(empty)
    assert "learns the box part from 2 and class part from 3, the **mask part from 1**." in said


def test_the_words_claim_nothing_about_w_that_the_numbers_do_not_show():
    leaking = replace(LOOK, pulls={**PULLS, "mask": (3.0, 1e-9, 0.0)})
    assert "no gradient for W 2." in who_feeds_what(leaking)
    assert "About the images of W" not in who_feeds_what(leaking)


def test_the_words_name_what_the_mask_loss_is_divided_by():
    assert what_divides(LOOK).endswith("Divided by all 3, it would be 0.100, 3 times smaller.")
    assert "nothing to divide" not in what_divides(LOOK)
    assert "no mask loss" in what_divides(replace(LOOK, images=(OF_WEAK,)))


def test_the_words_say_what_a_scramble_changed():
    same = changes_between(LOOK, replace(LOOK, scrambled=2))
    assert "**Nothing changed**" in what_changed(Scramble.WEAK, 2, same)
    other = changes_between(LOOK, SCRAMBLED)
    assert "Changed: **mask**, and 1 of 1 gradients" in what_changed(Scramble.FULL, 1, other)
    assert "no such masks to scramble" in what_changed(Scramble.FULL, 0, same)
