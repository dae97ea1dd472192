"""Nothing leaves the machine: no page makes the browser ask another host, whether it is opened by a link or a click."""

from urllib.parse import urlsplit

import pytest

from tests.app_server import app_server

HEADINGS = {
    "": "How many masks, how many boxes?",
    "project": "My project",
    "plan": "Plan a budget",
    "cost_against_ap": "Cost against AP",
    "equiscore": "Equiscore",
    "stopwatch": "Stopwatch",
    "compare_masks": "Compare masks",
    "errors": "Errors by split",
    "data": "Data",
    "assist": "Assisted masks",
    "train": "Train",
    "runs": "Runs",
    "lessons": "Lessons",
    "few_shot": "Few-shot",
    "paper": "About the paper",
    "documentation": "Documentation",
}
BROWSERS_OWN = ("data", "blob", "about")


@pytest.fixture
def asked(page):
    """What the page asks of anybody; other hosts get no answer, so that the test asks nothing of them either."""
    addresses = []

    def take(route):
        addresses.append(route.request.url)
        ours = urlsplit(route.request.url).hostname == "127.0.0.1"
        (route.continue_ if ours else route.abort)()

    page.route("**/*", take)
    return addresses


def elsewhere(addresses):
    return [url for url in addresses if urlsplit(url).scheme not in BROWSERS_OWN and "//127.0.0.1:" not in url]


def test_no_page_asks_another_host(page, asked, tmp_path):
    with app_server(tmp_path) as address:
        # The very first visitor follows a link, and is shown the page before app.py has run.
        page.goto(f"{address}/plan")
        page.get_by_role("heading", name="Plan a budget", exact=True).wait_for()
        pages = {
            link.get_attribute("href").rsplit("/", 1)[-1] for link in page.get_by_test_id("stSidebarNavLink").all()
        }
        assert pages == set(HEADINGS)
        for path, heading in HEADINGS.items():
            page.goto(f"{address}/{path}")
            page.get_by_role("heading", name=heading, exact=True).wait_for()
            page.locator("[data-testid=stStatusWidget]").wait_for(state="hidden")
            assert elsewhere(asked) == [], path
        assert page.locator("link[rel*=icon]").first.get_attribute("href").startswith("data:image/svg+xml")
    assert len(asked) > len(HEADINGS)
