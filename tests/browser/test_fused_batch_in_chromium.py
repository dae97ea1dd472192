"""How mixed training works, in a real Chromium: the chart of a fused batch, and masks that are scrambled."""

from tests.app_server import app_server

EMPTY_CELLS = """chart => [...chart.querySelectorAll(".shapelayer path")]
    .filter(cell => cell.style.strokeDasharray && cell.style.strokeDasharray !== "none").length"""


def test_masks_of_w_change_nothing_when_scrambled_and_one_of_f_changes_one_cell(page, tmp_path):
    with app_server(tmp_path) as address:
        page.goto(f"{address}/lessons?lesson=2&screen=2")
        page.get_by_text("The mask part has no gradient").wait_for(timeout=120_000)
        chart = page.locator(".js-plotly-plot")
        chart.locator(".imagelayer image").nth(5).wait_for()
        assert chart.evaluate(EMPTY_CELLS) == 4
        page.get_by_role("radio", name="all of W").click()
        page.get_by_text("Nothing changed").wait_for()
        assert chart.locator('.shapelayer path[style*="stroke: rgb(214, 51, 108)"]').count() == 0
        page.get_by_role("radio", name="one of F").click()
        page.get_by_text("All other parts are bit-identical").wait_for()
        chart.locator('.shapelayer path[style*="stroke: rgb(214, 51, 108)"]').wait_for()
        assert "scramble=one+of+F" in page.url or "scramble=one%20of%20F" in page.url
