"""The app as a person meets it: a real server, a real Chromium."""

import base64
import os
import pickle
import shutil
from importlib.resources import as_file, files
from pathlib import Path

import pytest

from tests.app_server import app_server
from tests.models.foreign_files import write_archive


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A server with a workspace of its own."""
    with app_server(tmp_path_factory.mktemp("server")) as address:
        yield address


def test_the_very_first_visitor_may_follow_a_link_into_the_app(page, address):
    page.goto(f"{address}/cost_against_ap")
    page.get_by_role("heading", name="Cost against AP").wait_for()
    # The side bar of app.py, not the bare list of files.
    page.get_by_role("link", name="Compare masks").wait_for()
    page.locator(".js-plotly-plot").first.wait_for()


PLACE_OF = """(chart, [x, y]) => {
    const {xaxis, yaxis} = chart._fullLayout, box = chart.getBoundingClientRect();
    const place = xaxis.type === "log" ? Math.log10(x) : x;
    return [box.x + xaxis._offset + xaxis.l2p(place), box.y + yaxis._offset + yaxis.l2p(y)];
}"""


def test_a_click_on_a_point_picks_its_split(page, address):
    page.goto(f"{address}/cost_against_ap")
    page.get_by_test_id("stMetricValue").get_by_text("49.9").wait_for()
    chart = page.locator(".js-plotly-plot")
    chart.locator(".scatterlayer .point").first.wait_for()
    hours = (200 * 239.7 + 1000 * 38.1) / 3600
    page.mouse.click(*chart.evaluate(PLACE_OF, [hours, 40.6]))
    page.get_by_test_id("stMetricValue").get_by_text("40.6").wait_for()
    assert "pick_full=200" in page.url
    assert "pick_weak=1%2C000" in page.url


def test_a_click_takes_a_point_into_the_equiscore_fit_and_the_link_keeps_it(page, address):
    page.goto(f"{address}/equiscore")
    page.get_by_text("Fitted k = 1.01").wait_for()
    chart = page.locator(".js-plotly-plot").first
    chart.locator(".scatterlayer .point").first.wait_for()
    chart.scroll_into_view_if_needed()
    page.mouse.click(*chart.evaluate(PLACE_OF, [800, 5000]))
    page.get_by_text("Fitted k = 1.18").wait_for()
    assert "800-5000" in page.url
    page.reload()
    page.get_by_text("Fitted k = 1.18").wait_for()


def test_a_photo_is_uploaded_and_four_panels_show_masks_that_the_slider_filters(page, address):
    page.goto(f"{address}/compare_masks")
    page.locator(".js-plotly-plot").wait_for()
    with as_file(files("skimage").joinpath("data", "chelsea.png")) as photo:
        page.locator("input[type=file]").set_input_files(photo)
    page.get_by_text("chelsea.png").first.wait_for()
    page.get_by_text("1 found").nth(1).wait_for()
    chart = page.locator(".js-plotly-plot")
    assert chart.locator("image").count() >= 4
    assert chart.locator("path.js-fill").count() >= 4
    slider = page.get_by_role("slider")
    slider.focus()
    for _ in range(12):
        slider.press("ArrowRight")
    page.get_by_text("0 found").first.wait_for()
    assert "score=0.8" in page.url


def test_the_divider_moves_by_keys_and_by_mouse_and_stays_when_the_page_is_drawn_again(page, address):
    page.goto(f"{address}/compare_masks?view=swipe&left=pets-30-330&right=photo")
    divider = page.get_by_role("slider", name="Divider")
    divider.wait_for()
    place = page.locator(".swipe .divider")
    middle = place.bounding_box()["x"]
    divider.focus()
    for _ in range(20):
        divider.press("ArrowRight")
    assert place.bounding_box()["x"] > middle
    stage = page.locator(".swipe .stage").bounding_box()
    page.mouse.click(stage["x"] + 0.25 * stage["width"], stage["y"] + 50)
    clicked = place.bounding_box()["x"]
    assert abs(clicked - stage["x"] - 0.25 * stage["width"]) < 12
    page.get_by_role("slider", name="Least confidence").press("ArrowRight")
    page.wait_for_url("**score=0.25**")
    assert place.bounding_box()["x"] == clicked
    assert "left=pets-30-330" in page.url


def test_an_upload_that_is_no_image_gets_a_sentence(page, address, tmp_path):
    (tmp_path / "holiday.jpg").write_text("no image")
    page.goto(f"{address}/compare_masks")
    page.locator("input[type=file]").set_input_files(tmp_path / "holiday.jpg")
    page.get_by_text("holiday.jpg is not a readable image").wait_for()
    page.locator(".js-plotly-plot").wait_for()


def test_a_training_of_two_steps_is_started_and_seen_to_finish(page, address):
    page.goto(f"{address}/train")
    page.get_by_role("button", name="Start training").wait_for()
    steps = page.get_by_label("Steps")
    steps.fill("2")
    steps.press("Enter")
    page.get_by_text("2 steps of 16 images on cpu").wait_for()
    page.get_by_role("button", name="Start training").click()
    page.get_by_text("step 2 of 2").wait_for(timeout=180_000)
    page.get_by_text("mask AP50").first.wait_for(timeout=180_000)
    page.get_by_text("done").first.wait_for()


DROP = """(zone, [name, content]) => {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    const dropped = new DataTransfer();
    dropped.items.add(new File([bytes], name, {type: "application/zip"}));
    for (const kind of ["dragenter", "dragover", "drop"])
        zone.dispatchEvent(new DragEvent(kind, {dataTransfer: dropped, bubbles: true, cancelable: true}));
}"""


def drop_file(page, path):
    content = base64.b64encode(Path(path).read_bytes()).decode()
    page.get_by_test_id("stFileUploaderDropzone").evaluate(DROP, [Path(path).name, content])


def test_a_split_is_built_from_data_that_was_uploaded(page, address, tiny_folder, tmp_path):
    archive = shutil.make_archive(str(tmp_path / "squares"), "zip", tiny_folder)
    page.goto(f"{address}/data?data=embedded")
    page.get_by_text("sees the same images as boxes").wait_for(timeout=120_000)
    page.get_by_role("button", name="Add a dataset").click()
    drop_file(page, archive)
    page.get_by_text("Recognised as COCO, 2 classes").wait_for()
    page.locator("img").nth(5).wait_for()
    page.get_by_role("button", name="Add dataset").click()
    page.get_by_text("Added 'squares' with 12 training images and 4 val images").wait_for()
    page.wait_for_url("**data=squares**")
    page.get_by_test_id("stMetricValue").get_by_text("12").first.wait_for()
    page.locator("img").nth(7).wait_for()
    masks = page.get_by_label("|F|, masks")
    masks.fill("4")
    masks.press("Enter")
    page.get_by_text("Objects in the split 4/8").wait_for()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved so far").wait_for()
    page.get_by_role("link", name="Train on this split").click()
    page.get_by_role("heading", name="Train", exact=True).wait_for()
    page.get_by_label("Split").first.wait_for()
    assert "data=squares" in page.url


def test_a_checkpoint_that_wants_to_run_code_is_refused_and_runs_nothing(page, address, tmp_path):
    canary = tmp_path / "canary"
    evil = tmp_path / "evil.pt"
    write_archive(evil, pickle.dumps(Touch(canary)))
    page.goto(f"{address}/compare_masks")
    page.get_by_role("button", name="Import and download").click()
    page.locator("input[type=file]").last.set_input_files(evil)
    page.get_by_role("button", name="Import checkpoint").click()
    page.get_by_text("evil.pt").last.wait_for()
    page.get_by_role("alert").first.wait_for()
    assert not canary.exists()


class Touch:
    """Unpickling it with Python's own unpickler would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)
