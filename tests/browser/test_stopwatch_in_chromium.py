"""The stopwatch as a person uses it: drawing against the clock, undo, skip and pause, and the prices that follow."""

import math
from statistics import median
from time import sleep

import pytest

from splitlab.data.scenes.embedded import EmbeddedSettings, make_embedded
from tests.app_server import app_server

# From the press on Done to the frame with the next object, in ms.
NEXT_OBJECT = """(root) => new Promise((shown) => {
    const count = () => root.querySelector(".clock").textContent.split(" ")[0];
    const before = count(), pressed = performance.now();
    const look = () => count() !== before && root.querySelector(".cover").hidden
        ? shown(performance.now() - pressed) : requestAnimationFrame(look);
    root.querySelector(".done").click();
    look();
})"""
RING = """(ring) => [+ring.getAttribute("cx") / ring.ownerSVGElement.viewBox.baseVal.width,
    +ring.getAttribute("cy") / ring.ownerSVGElement.viewBox.baseVal.height]"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    make_embedded(folder / "workspace" / "data" / "embedded", settings=EmbeddedSettings(20, 4))
    with app_server(folder) as address:
        yield address


def ring_on_page(page):
    """Where the ring of the named object is, in pixels of the page."""
    place = page.locator(".watch .marks").bounding_box()
    x, y = page.locator(".watch .marks circle").first.evaluate(RING)
    return place["x"] + x * place["width"], place["y"] + y * place["height"]


def draw(page):
    """Draw what the page asks for: a square about the ring as a box, or as an outline."""
    x, y = ring_on_page(page)
    if " a box " in page.locator(".watch .say").inner_text():
        page.mouse.move(x - 40, y - 40)
        page.mouse.down()
        page.mouse.move(x, y)
        page.mouse.move(x + 40, y + 40)
        page.mouse.up()
    else:
        for corner in range(4):
            page.mouse.click(x + 40 * math.cos(corner * math.pi / 2), y + 40 * math.sin(corner * math.pi / 2))


def clock(page):
    return page.locator(".watch .clock").inner_text()


def test_objects_are_drawn_against_the_clock_and_become_prices(page, address):
    page.goto(f"{address}/stopwatch?timed_objects=4")
    page.get_by_role("button", name="Start the clock").click()
    page.locator(".watch .marks circle").first.wait_for()
    # A first object that is undone, then skipped, and a pause that hides the picture and stops the clock.
    draw(page)
    page.keyboard.press("Backspace")
    assert page.locator(".watch .done").is_disabled()
    page.get_by_role("button", name="Pause").click()
    assert page.locator(".watch .photo").is_hidden()
    before = clock(page)
    sleep(1.5)
    assert clock(page) == before
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Skip").click()
    page.locator('.watch .clock:has-text("2 of 8")').wait_for()
    waits = []
    for number in range(2, 9):
        page.locator(".watch .marks circle").first.wait_for()
        draw(page)
        if number < 8:
            waits.append(page.locator(".watch").evaluate(NEXT_OBJECT))
            assert clock(page).startswith(f"{number + 1} of 8")
        else:
            page.keyboard.press("Enter")
    page.get_by_text("The plan that follows.").wait_for()
    page.get_by_text("4 labels, IoU").wait_for()
    page.get_by_text("3 labels, IoU").wait_for()
    assert median(waits) < 300, waits
    page.get_by_role("link", name="Plan a budget with them").click()
    page.get_by_role("heading", name="Plan a budget", exact=True).wait_for()
    page.get_by_role("spinbutton", name="A box").wait_for()
    assert "prices=own" in page.url
    assert 0 < float(page.get_by_role("spinbutton", name="A box").input_value()) < 30


def test_a_click_on_the_first_point_closes_an_outline(page, address):
    page.goto(f"{address}/stopwatch?timed_objects=4")
    page.get_by_role("button", name="Start the clock").click()
    page.locator(".watch .marks circle").first.wait_for()
    draw(page)
    page.keyboard.press("Enter")
    page.locator('.watch .clock:has-text("2 of 8")').wait_for()
    assert "an outline" in page.locator(".watch .say").inner_text()
    x, y = ring_on_page(page)
    for across, down in ((-30, -30), (30, -30), (30, 30), (-30, -30)):
        page.mouse.click(x + across, y + down)
    page.locator('.watch .clock:has-text("3 of 8")').wait_for()
