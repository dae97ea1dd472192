"""Take the screenshots of the README and the docs from the running app, in light and dark.

Run: python scripts/take_screenshots.py [PAGE...]; with names, only these pages. A new page is one line in PAGES.
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
from typing import Literal

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
PORT = 8765
# The picture's name and the page's address.
PAGES = {
    "plan": "plan",
    "equiscore": "equiscore",
    "cost-against-ap": "cost_against_ap",
    "compare-masks": "compare_masks",
}
# Of all pictures together, because a repository keeps every version.
MOST_BYTES = 3_000_000
# A page must show one of these before its screenshot.
SHOWN = ".js-plotly-plot, [data-testid=stDataFrame], [data-testid=stImage]"
WIDTH = 1400
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SERVER = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true"]


def main() -> None:
    """Start a server with an empty workspace and photograph each page in both themes."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    asked = sys.argv[1:] or list(PAGES)
    if unknown := set(asked) - PAGES.keys():
        sys.exit(f"{', '.join(sorted(unknown))} is unknown; choose from {', '.join(PAGES)}.")
    with tempfile.TemporaryDirectory() as empty:
        server = subprocess.Popen(
            [*SERVER, "--server.port", str(PORT)],
            cwd=ROOT,
            env={**os.environ, "SPLITLAB_WORKSPACE": empty},
        )
        try:
            wait_for_server()
            take_all({name: PAGES[name] for name in asked})
        finally:
            server.terminate()
    size = sum(picture.stat().st_size for picture in PICTURES.iterdir())
    if size > MOST_BYTES:
        sys.exit(f"{PICTURES} holds {size:,} bytes, more than {MOST_BYTES:,}: take fewer pages, or smaller ones.")


def take_all(pages: dict[str, str]) -> None:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, path in pages.items():
            for theme in THEMES:
                take(browser, path, theme, PICTURES / f"{name}-{theme}.png")


def wait_for_server() -> None:
    for _ in range(100):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/_stcore/health", timeout=1):
                return
        except OSError:
            sleep(0.2)
    sys.exit("The server did not answer within 20 seconds.")


def take(browser: Browser, path: str, theme: Literal["light", "dark"], picture: Path) -> None:
    page = browser.new_page(viewport={"width": WIDTH, "height": 900}, color_scheme=theme)
    page.goto(f"http://127.0.0.1:{PORT}/{path}")
    page.locator("h1").wait_for()
    page.locator(SHOWN).first.wait_for(timeout=120_000)
    page.locator("[data-testid=stStatusWidget]").wait_for(state="hidden")
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": WIDTH, "height": int(height)})
    # Charts need a moment to adapt to the new size.
    page.wait_for_timeout(1500)
    if page.locator("[data-testid=stException]").count():
        sys.exit(f"{path} shows an error; its picture is unchanged.")
    page.screenshot(path=picture)
    page.close()


if __name__ == "__main__":
    main()
