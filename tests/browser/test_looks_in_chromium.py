"""What a machine can judge of the look of pages: name, contrast, widths, and names for screen readers."""

import pytest

from tests.app_server import app_server

DONE = '[data-testid="stApp"][data-test-script-state="notRunning"]'
# Texts with a contrast below 4.5 to 1 against what is behind them. Left out: what is disabled or hidden from screen
# readers, letters on photos (they have a shadow), and the value above a slider's thumb, which is beside its parent.
PALE = """() => {
    const numbers = (text) => {
        const [red, green, blue, alpha = 1] = (text.match(/[\\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
        return [red, green, blue, alpha];
    };
    const over = (top, below) => below.map((value, place) => top[place] * top[3] + value * (1 - top[3]));
    const light = (colour) => {
        const [red, green, blue] = colour.map((value) => value / 255).map(
            (value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const contrast = (one, other) => {
        const [low, high] = [light(one), light(other)].sort((left, right) => left - right);
        return (high + 0.05) / (low + 0.05);
    };
    const chain = (element) => element ? [...chain(element.parentElement), element] : [];
    const behind = (element) => chain(element).reduce(
        (below, parent) => over(numbers(getComputedStyle(parent).backgroundColor), below), [255, 255, 255]);
    const pale = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const text = texts.currentNode.textContent.trim(), element = texts.currentNode.parentElement;
        if (!text || !element.getClientRects().length || element.closest(
            "script, style, [aria-hidden=true], :disabled, [data-testid=stSliderThumbValue], .js-plotly-plot:has(image)"
        )) continue;
        const svg = element.closest("svg"), colour = numbers(getComputedStyle(element)[svg ? "fill" : "color"]);
        const bar = svg && element.closest(".point")?.querySelector("path");
        colour[3] *= chain(element).reduce((all, parent) => all * getComputedStyle(parent).opacity, 1);
        let below = behind(svg ? svg.parentElement : element);
        if (bar && element.classList.contains("bartext-inside")) {
            const fill = numbers(getComputedStyle(bar).fill);
            fill[3] *= getComputedStyle(bar).fillOpacity;
            below = over(fill, below);
        }
        const found = contrast(over(colour, below), below);
        if (colour[3] > 0 && found < 4.5) pale.push(`${text.slice(0, 40)}: ${found.toFixed(2)}`);
    }
    return pale;
}"""
CHARTS_WITHOUT_NAME = """() => [...document.querySelectorAll("[data-testid=stPlotlyChart]")].filter(
    (chart) => !chart.closest("[aria-label]") && !chart.querySelector("[role=img][aria-label]")
).length"""
ICON_WORDS = """() => [...document.querySelectorAll("[data-testid=stMain] *, [data-testid=stSidebar] *")].filter(
    (element) => !element.children.length && getComputedStyle(element).fontFamily.includes("Material")
        && !element.closest("[aria-hidden=true], [role=img][aria-label]")).map((element) => element.textContent)"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with app_server(tmp_path_factory.mktemp("server")) as address:
        yield address


def settle(page, path):
    page.goto(path)
    page.locator("h1, h2").first.wait_for()
    page.locator(DONE).wait_for()
    page.wait_for_function("() => !document.querySelector('[data-testid=stSkeleton]')")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_buttons_and_digits_can_be_read_in_both_themes(browser, theme, address):
    """Lesson 1 has buttons and digits on bars, Cost against AP labels of lines and axes."""
    page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme=theme)
    for path in ("lessons?lesson=1&screen=2", "cost_against_ap"):
        settle(page, f"{address}/{path}")
        assert page.evaluate(PALE) == [], path
    page.close()


def test_a_page_names_the_app_the_documentation_and_its_charts_and_fits_two_widths(page, address):
    for path in ("", "cost_against_ap", "equiscore"):
        page.set_viewport_size({"width": 1280, "height": 800})
        settle(page, f"{address}/{path}")
        page.get_by_role("link", name="Documentation").wait_for()
        page.get_by_test_id("stSidebarLogo").wait_for()
        assert page.title().endswith("SplitLab")
        assert page.evaluate(CHARTS_WITHOUT_NAME) == 0, path
        assert page.evaluate(ICON_WORDS) == [], path
        assert fits(page), path
        page.set_viewport_size({"width": 390, "height": 800})
        page.get_by_test_id("stHeaderLogo").wait_for()
        assert fits(page), path


def fits(page):
    return page.get_by_test_id("stMain").evaluate("main => main.scrollWidth <= main.clientWidth")


def test_the_first_key_leads_to_the_content(page, address):
    settle(page, f"{address}/documentation")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "stMain"


def test_the_paper_s_table_is_found_by_its_name_and_printed_in_words(page, address):
    settle(page, f"{address}/paper")
    page.get_by_role("link", name="Table 3").click()
    page.get_by_role("table", name="Table 3. Instance segmentation results").wait_for()
    assert page.get_by_role("columnheader").all_inner_texts() == [
        "model", "images with masks, |F|", "images with boxes only, |W|", "labelling cost, hours", "mask AP50",
        "mask AP50:95",
    ]  # fmt: skip
    text = page.get_by_test_id("stMain").inner_text()
    assert not [word for word in ("None", "nan", "cost_hours") if word in text]
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download CSV").click()
    lines = saved.value.path().read_text().splitlines()
    assert lines[0].startswith('supervision,model,"images with masks, |F|","images with boxes only, |W|"')
    assert len(lines) == 1 + 41
    page.go_back()
    page.get_by_role("heading", name="About the paper").wait_for()
