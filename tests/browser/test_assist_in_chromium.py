"""The page Assisted masks by keyboard, and a mask drawn with the mouse."""

import math

import pytest

from splitlab.assist.grabcut import GrabCutMaker
from splitlab.assist.proposals import State, read_proposals
from splitlab.assist.propose import ProposeSettings, propose
from splitlab.data.formats.coco.reader import read_coco_folder
from splitlab.data.split import as_split, draw_split, without_masks
from splitlab.geometry import rle_area
from tests.app_server import app_server
from tests.conftest import write_tiny


@pytest.fixture
def served(tmp_path):
    write_tiny(tmp_path / "shapes", {"train": 20, "val": 2})
    data = read_coco_folder(tmp_path / "shapes")
    shapes = as_split(data, draw_split(data.train, 14, 6, 0), without_masks)
    (tmp_path / "workspace" / "data").mkdir(parents=True)
    folder = tmp_path / "workspace" / "data" / "shapes-assisted"
    propose(shapes, GrabCutMaker(), folder, ProposeSettings(20))
    with app_server(tmp_path) as address:
        yield folder, address


def wait_for_picture(page):
    """Wait until the page is drawn: an answer before the picture was there is not timed."""
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()


def test_keys_answer_proposals_and_a_lasso_redraws_one(page, served):
    folder, address = served
    page.goto(f"{address}/assist")
    page.get_by_text("1 of 6").wait_for()
    page.get_by_test_id("stImage").wait_for()
    wait_for_picture(page)
    page.keyboard.press("a")
    page.get_by_text("1 accepted, 0 rejected").wait_for()
    page.get_by_text("2 of 6").wait_for()
    wait_for_picture(page)
    page.keyboard.press("x")
    page.get_by_text("1 accepted, 1 rejected").wait_for()
    page.keyboard.press("ArrowLeft")
    page.get_by_text("rejected, to be drawn by hand").wait_for()
    wait_for_picture(page)
    page.keyboard.press("d")
    chart = page.locator(".js-plotly-plot .nsewdrag").first
    chart.wait_for()
    place = chart.bounding_box()
    x, y, radius = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2, place["width"] / 6
    page.mouse.move(x + radius, y)
    page.mouse.down()
    for step in range(1, 26):
        page.mouse.move(x + radius * math.cos(step / 4), y + radius * math.sin(step / 4))
    page.mouse.up()
    keep = page.get_by_role("button", name="Keep this mask")
    page.wait_for_function("() => [...document.querySelectorAll('button:enabled')].some(b => /Keep/.test(b.innerText))")
    keep.click()
    page.get_by_text("1 redrawn").wait_for()
    ranked = read_proposals(folder).ranked
    assert [proposal.state for proposal in ranked[:3]] == [State.ACCEPTED, State.REDRAWN, State.PROPOSED]
    assert all(proposal.seconds > 0 for proposal in ranked[:2])
    assert 0 < rle_area(ranked[1].mask) < 64 * 64 / 2
