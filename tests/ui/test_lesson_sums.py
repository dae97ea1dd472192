"""Every product and sum that a lesson shows is that of the numbers it shows, wherever its sliders stand."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitlab.app.lessons.curves import _judge_cheapest, _product_at
from splitlab.app.lessons.labels import _judge_spending
from splitlab.app.widgets.split_chip import _split_chip_html
from splitlab.budget.cost import VOC2012, Prices
from splitlab.budget.law import PAPER_CURVES
from splitlab.budget.planner import cheapest_point
from splitlab.figures.lessons import equal_area
from tests.ui.opened import open_page, paragraph, texts, verdict_in_words

LAW = PAPER_CURVES[0].law
NUMBER = r"([\d,]+(?:\.\d+)?)"
PRODUCT = re.compile(rf"{NUMBER} masks x {NUMBER} boxes = {NUMBER}")
SUM = re.compile(rf"{NUMBER} \+ {NUMBER} = {NUMBER}")
CHIP = re.compile(rf"{NUMBER} hours: {NUMBER} for masks, {NUMBER} for boxes")
TOGETHER = re.compile(
    rf"asks take \*{{0,2}}{NUMBER}\*{{0,2}}(?: hours)? and boxes \*{{0,2}}{NUMBER}\*{{0,2}}[^\d]+{NUMBER}"
)


def values(pattern, text):
    found = numbers(pattern, text)
    assert found, text
    return found


def numbers(pattern, text):
    return [tuple(float(number.replace(",", "")) for number in found) for found in pattern.findall(text)]


def check_sums(text):
    for first, second, total in values(TOGETHER, text):
        assert first + second == pytest.approx(total, abs=1e-9)


@pytest.mark.parametrize("curve", PAPER_CURVES, ids=lambda curve: curve.panel)
@pytest.mark.parametrize("share", range(14, 55))
def test_masks_times_boxes_is_their_product(curve, share):
    text = paragraph(6, 2, "product", _product_at(curve, round(curve.law.phi0 * share / 100)))
    ((masks, boxes, product),) = values(PRODUCT, text)
    assert masks * boxes == product
    area = round(curve.law.k * curve.law.phi0**2)
    assert f"the product is about {area:,}; boxes are rounded to whole ones." in text


@given(st.integers(0, 20_000), st.integers(0, 20_000), st.floats(1, 400), st.floats(1, 3000))
def test_the_hours_of_a_split_add_up_wherever_it_is_drawn(full, weak, box, mask):
    ((total, masks, boxes),) = values(CHIP, _split_chip_html(full, weak, Prices(box, mask), 100.0))
    assert masks + boxes == pytest.approx(total, abs=1e-6)


@pytest.mark.parametrize("mask", range(200, 1201, 50))
def test_the_hours_of_an_answer_add_up_for_every_number_of_masks(mask):
    prices = Prices(VOC2012.box_seconds, float(mask))
    point = cheapest_point(LAW, prices, 10731)
    right = [verdict for full in range(200, 801, 5) if (verdict := _judge_cheapest(full, LAW, prices, point)).right]
    assert right
    for verdict in right:
        check_sums(verdict_in_words(7, verdict))


@pytest.mark.parametrize("full", range(200, 801, 4))
def test_the_sides_of_the_rectangle_add_up(full):
    masks, boxes = full * 239.7 / 3600, float(LAW.weak(full)) * 38.1 / 3600
    ((first, second, total),) = values(SUM, equal_area(masks, boxes).data[1].name)
    assert first + second == pytest.approx(total, abs=1e-9)


def test_the_page_itself_shows_the_sum_of_what_it_shows():
    app = open_page("lessons", lesson="7", screen="2")
    for full in (200, 300, 584, 800):
        app.slider(key="along").set_value(full).run()
        check_sums(texts(app))


def test_the_page_itself_shows_the_product_of_what_it_shows():
    app = open_page("lessons", lesson="6", screen="2")
    ((masks, boxes, product),) = values(PRODUCT, texts(app))
    assert (masks, boxes, product) == (395, 5426, 2_143_270)


@pytest.mark.parametrize("hours", [20, 40, 80])
def test_hours_spent_and_hours_left_are_the_hours_there_were(hours):
    spent_and_left = re.compile(rf"takes {NUMBER} hours; {NUMBER} are left, enough for {NUMBER}")
    too_much = re.compile(rf"takes {NUMBER} hours, {NUMBER} more")
    for full in range(100, 601, 50):
        for weak in np.arange(0, 8001, 50):
            verdict = _judge_spending(full, int(weak), float(hours), VOC2012)
            why = verdict_in_words(1, verdict, least_masks=100, hours=hours)
            for spent, left, more in numbers(spent_and_left, why):
                assert spent + left == pytest.approx(hours)
                cost = (full * 239.7 + (weak + more) * 38.1) / 3600
                assert cost <= hours < cost + 38.1 / 3600 + 1e-9
            for spent, over in numbers(too_much, why):
                assert spent - over == pytest.approx(hours)
                assert over > 0
