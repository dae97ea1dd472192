"""A real Chromium for every test of this folder; without one they are skipped, unless it is required."""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
REQUIRED = os.environ.get("SPLITLAB_REQUIRE_BROWSER") == "1"
MARKS = [
    pytest.mark.browser,
    pytest.mark.skipif(not REQUIRED and CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.skipif(not REQUIRED and find_spec("playwright") is None, reason="playwright is not installed"),
]


# Before pytest leaves out what `-m` does not ask for.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            for mark in MARKS:
                item.add_marker(mark)


@pytest.fixture(scope="package")
def browser():
    assert CHROMIUM, "SPLITLAB_REQUIRE_BROWSER=1, but there is no Chromium: install Debian's package chromium"
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(60_000)
    yield page
    page.close()
