"""Take the pictures of the README and the docs from the running app: light and dark, the pages that show something.

Run: python scripts/take_screenshots.py [WORKSPACE]; with a work space that has runs, of the page Runs alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from time import sleep

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
PORT = 8765
PAGES = {
    "home": "",
    "plan": "plan",
    "equiscore": "equiscore",
    "cost-against-ap": "cost_against_ap",
    "data": "data",
    "compare-masks": "compare_masks",
}
RUNS = {"runs": "runs"}
WIDTH = 1400
SERVER = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true"]


def main() -> None:
    """Start a server with an empty work space, or the given one, and look at each page in both themes."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    given = sys.argv[1:2]
    with tempfile.TemporaryDirectory() as empty:
        server = subprocess.Popen(
            [*SERVER, "--server.port", str(PORT)],
            cwd=ROOT,
            env={**os.environ, "SPLITLAB_WORKSPACE": next(iter(given), empty)},
        )
        try:
            wait_for_server()
            with sync_playwright() as driver:
                browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
                for name, path in (RUNS if given else PAGES).items():
                    for theme in ("light", "dark"):
                        take(browser, path, theme, PICTURES / f"{name}-{theme}.png")
        finally:
            server.terminate()


def wait_for_server() -> None:
    for _ in range(100):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/_stcore/health", timeout=1):
                return
        except OSError:
            sleep(0.2)
    sys.exit("the server did not answer within 20 seconds")


def take(browser: Browser, path: str, theme: str, picture: Path) -> None:
    page = browser.new_page(viewport={"width": WIDTH, "height": 900}, color_scheme=theme)
    page.goto(f"http://127.0.0.1:{PORT}/{path}")
    page.locator("h1").wait_for()
    page.locator(".js-plotly-plot").first.wait_for(timeout=120_000)
    page.locator("[data-testid=stStatusWidget]").wait_for(state="hidden")
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": WIDTH, "height": int(height)})
    # Charts settle into the new size.
    page.wait_for_timeout(1500)
    page.screenshot(path=picture)
    page.close()


if __name__ == "__main__":
    main()
