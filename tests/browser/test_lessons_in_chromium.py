"""A lesson as a student does it, and as a teacher prints it."""

import re

import pytest

from splitlab.app.lessons.page import _LESSONS
from tests.app_server import app_server
from tests.browser.test_app_in_chromium import PLACE_OF

HYPERBOLA = 6
# ms. Plotly takes clicks within 300 (500 in newer releases) for a double click, wherever they are, and drops one.
DOUBLE_CLICK = 600


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with app_server(tmp_path_factory.mktemp("server")) as address:
        yield address


def click_split(page, full, weak):
    chart = page.locator(".js-plotly-plot")
    chart.locator(".scatterlayer .point").first.wait_for()
    page.wait_for_timeout(DOUBLE_CLICK)
    page.mouse.click(*chart.evaluate(PLACE_OF, [full, weak]))


def test_a_lesson_is_walked_by_clicking_and_its_question_answered_on_the_chart(page, address):
    page.goto(f"{address}/lessons")
    page.get_by_role("link", name="The equiscore hyperbola").click()
    screens = _LESSONS[HYPERBOLA - 1].screens
    for place, screen in enumerate(screens, start=1):
        page.get_by_role("heading", name=screen.title).wait_for()
        assert place == 1 or f"screen={place}" in page.url
        if place < len(screens):
            page.get_by_role("button", name="Next").click()
    page.get_by_text("0 different numbers of masks so far").wait_for()
    page.locator(".js-plotly-plot").scroll_into_view_if_needed()
    click_split(page, 200, 10531)
    page.get_by_text("1 different numbers of masks so far").wait_for()
    click_split(page, 400, 5000)
    page.get_by_text("2 different numbers of masks so far").wait_for()
    click_split(page, 800, 3000)
    page.get_by_text("Right.").wait_for()
    page.reload()
    page.get_by_text("Right.").wait_for()
    page.get_by_role("button", name="Back").click()
    page.get_by_role("heading", name=screens[-2].title).wait_for()


def test_the_keys_of_a_presenters_clicker_turn_the_screens(page, address):
    page.goto(f"{address}/lessons?lesson=1")
    page.get_by_role("heading", name=_LESSONS[0].screens[0].title).wait_for()
    page.get_by_role("button", name="Next").wait_for()
    page.keyboard.press("PageDown")
    page.get_by_role("heading", name=_LESSONS[0].screens[1].title).wait_for()
    page.keyboard.press("PageUp")
    page.get_by_role("heading", name=_LESSONS[0].screens[0].title).wait_for()


def test_the_print_view_has_all_screens_no_side_bar_and_no_controls(page, address):
    page.goto(f"{address}/lessons?lesson=7&screen=2&notes=true&dear=300")
    link = page.get_by_role("link", name="Print view")
    link.wait_for()
    with page.expect_popup() as opened:
        link.click()
    sheet = opened.value
    for screen in _LESSONS[6].screens:
        sheet.get_by_role("heading", name=screen.title).wait_for()
    sheet.get_by_text("Now a mask image takes 300 seconds").wait_for()
    assert sheet.get_by_text("For the presenter.").count() == len(_LESSONS[6].screens)
    for hidden in ("stSidebar", "stSlider", "stButton", "stAlert"):
        assert sheet.get_by_test_id(hidden).filter(visible=True).count() == 0
    sheet.wait_for_function("!document.querySelector('[data-testid=stSkeleton]')")
    pages = len(re.findall(rb"/Type\s*/Page\b", sheet.pdf()))
    assert 2 <= pages <= 2 * len(_LESSONS[6].screens)
    sheet.close()
