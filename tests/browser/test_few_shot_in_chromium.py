"""The page Few-shot as a person meets it: bars to read, a mask to take apart, a link that brings it back."""

import pytest

from tests.app_server import app_server


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with app_server(tmp_path_factory.mktemp("server")) as address:
        yield address


def test_table_4_is_drawn_and_a_mask_taken_apart_is_a_link(page, address):
    page.goto(f"{address}/few_shot")
    page.get_by_role("heading", name="Few-shot", exact=True).wait_for()
    bars = page.locator(".js-plotly-plot").first.locator(".bars .point")
    bars.nth(26).wait_for()
    assert bars.count() == 27
    page.get_by_text("Show how a mask is made").click()
    page.get_by_text("The filled box alone reaches").wait_for()
    pictures = page.get_by_test_id("stImage")
    pictures.nth(5).wait_for()
    assert pictures.count() == 6
    assert "take_apart=true" in page.url
    page.reload()
    page.get_by_text("The filled box alone reaches").wait_for()
