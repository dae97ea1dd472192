"""The browser's Back, and links as the address bar shows them."""

import pytest

from tests.app_server import app_server


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with app_server(tmp_path_factory.mktemp("server")) as address:
        yield address


def test_back_brings_a_page_s_controls_back(page, address):
    page.goto(f"{address}/cost_against_ap")
    page.locator(".js-plotly-plot .scatterlayer .point").first.wait_for()
    page.get_by_role("combobox", name="Dataset").click()
    page.get_by_role("option", name="Cityscapes").click()
    page.wait_for_url("**dataset=Cityscapes**")
    page.get_by_role("heading", name="What beats 400/2,000").or_(
        page.get_by_role("heading", name="Nothing beats 400/2,000")
    ).wait_for()
    page.get_by_role("link", name="Equiscore").click()
    page.get_by_role("heading", name="Equiscore", exact=True).wait_for()
    page.go_back()
    page.get_by_role("heading", name="Cost against AP", exact=True).wait_for()
    page.wait_for_url("**/cost_against_ap?dataset=Cityscapes")
    page.get_by_role("radio", name="Fig. 1b", checked=True).wait_for()


def test_the_hours_of_home_reach_the_plan(page, address):
    page.goto(f"{address}/?hours=120")
    page.get_by_role("heading", name="With 120 hours").wait_for()
    page.get_by_role("main").get_by_role("link", name="Plan a budget").or_(
        page.get_by_test_id("stPageLink").get_by_role("link", name="Plan a budget")
    ).first.click()
    page.get_by_role("heading", name="Plan a budget", exact=True).wait_for()
    page.wait_for_url("**hours_planned=120**")


def test_a_lesson_opened_by_a_click_has_a_link_and_back_leads_to_the_list(page, address):
    page.goto(f"{address}/lessons")
    page.get_by_role("heading", name="Lessons", exact=True).wait_for()
    page.get_by_test_id("stPageLink").get_by_role("link").first.click()
    page.wait_for_url("**/lessons?lesson=1")
    page.get_by_text("Lesson 1 of").wait_for()
    page.go_back()
    page.get_by_role("heading", name="Lessons", exact=True).wait_for()
