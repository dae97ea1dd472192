"""Pages with datasets that are not ready: photos alone, no val part, half-masked images, photos outside."""

import pytest

from splitlab.app.widgets.sources import read_dataset
from splitlab.data.label_files.photo_index import Outside
from splitlab.data.open_dataset import open_dataset
from splitlab.data.reading import Reading, save_reading
from splitlab.workspace import Workspace
from tests.ui.datasets import half_masked, photos_alone, without_val
from tests.ui.opened import metrics, open_page, texts

pytestmark = pytest.mark.usefixtures("embedded")


def press(app, label):
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception


def said(app):
    return " ".join(error.value for error in app.error)


@pytest.fixture
def data():
    return Workspace.here().data


@pytest.mark.parametrize(
    ("make", "sentence"),
    [(photos_alone, "None of the 12 images of 'mine' has labels"), (without_val, "'mine' has no val part to score on")],
)
@pytest.mark.parametrize("page", ["train", "errors", "compare_masks"])
def test_a_dataset_that_is_not_ready_gets_one_sentence_that_says_what_to_do(page, make, sentence, tiny_folder, data):
    make(tiny_folder, data / "mine")
    app = open_page(page, data="mine", look_at="images of a data set")
    assert sentence in said(app)
    assert "page Data" in said(app)
    assert len(app.error) == 1


@pytest.mark.parametrize("page", ["train", "errors", "compare_masks", "few_shot"])
def test_half_masked_images_stop_no_page(page, tiny_folder, data):
    half_masked(tiny_folder, data / "mine")
    assert not open_page(page, data="mine", look_at="images of a data set").error


def test_a_val_part_is_cut_with_one_button_and_given_back(tiny_folder, data):
    without_val(tiny_folder, data / "mine")
    app = open_page("data", data="mine")
    assert "There is no val part" in texts(app)
    app.selectbox(key="cut_share_mine").set_value("50%").run()
    press(app, "Cut a val part")
    assert (metrics(app)["Training images"], metrics(app)["Val images"]) == ("6", "6")
    assert "6 images in train, 6 in val" in texts(app)
    press(app, "Give val back to train")
    assert (metrics(app)["Training images"], metrics(app)["Val images"]) == ("12", "0")
    assert not (data / "mine" / "splitlab-val.json").exists()


def test_a_val_part_of_its_own_cannot_be_given_back(tiny_folder, data):
    without_val(tiny_folder, data / "mine")
    app = open_page("data", data="mine")
    press(app, "Cut a val part")
    (data / "mine" / "instances_val.json").write_bytes((tiny_folder / "instances_val.json").read_bytes())
    for path in (tiny_folder / "images").glob("val_*"):
        (data / "mine" / "images" / path.name).write_bytes(path.read_bytes())
    read_dataset.clear()
    app = open_page("data", data="mine")
    assert not [button for button in app.button if button.label == "Give val back to train"]


def test_a_read_only_server_says_that_val_is_missing_and_cuts_nothing(tiny_folder, data, monkeypatch):
    monkeypatch.setenv("SPLITLAB_READ_ONLY", "1")
    without_val(tiny_folder, data / "mine")
    app = open_page("data", data="mine")
    assert "There is no val part" in texts(app)
    assert not [button for button in app.button if button.label == "Cut a val part"]


def test_photos_without_labels_are_planned_and_the_plan_can_be_downloaded(tiny_folder, data):
    photos_alone(tiny_folder, data / "mine")
    app = open_page("data", data="mine")
    assert "12 photos without labels" in texts(app)
    assert len(app.get("image")) == 6
    assert "Build a split" not in texts(app)
    app.number_input(key="label_masks_mine").set_value(3)
    app.number_input(key="label_boxes_mine").set_value(5).run()
    press(app, "Plan what to label")
    assert "masks on **3** photos and boxes on **5**, in this order; leave 4" in texts(app)
    masks, boxes = (table.value for table in app.dataframe[:2])
    assert (list(masks["task"]), list(boxes["task"])) == (["draw masks"] * 3, ["draw boxes"] * 5)
    assert masks["photo"].str.startswith("data:image/jpeg").all()
    (link,) = (found.proto for found in app.get("page_link") if found.proto.label == "How many of each?")
    assert link.query_string == "images=12&have_full=0&have_weak=0"


def test_a_plan_for_more_photos_than_there_are_gets_a_sentence(tiny_folder, data):
    photos_alone(tiny_folder, data / "mine")
    app = open_page("data", data="mine")
    app.number_input(key="label_masks_mine").set_value(8)
    app.number_input(key="label_boxes_mine").set_value(8).run()
    press(app, "Plan what to label")
    assert "8 + 8 = 16 photos are more than the 12 without labels" in said(app)


def test_the_plan_page_takes_the_number_of_photos_from_the_link():
    app = open_page("plan", images="480", have_full="20")
    assert app.number_input(key="images_480").value == 480
    assert app.number_input(key="have_full").value == 20


@pytest.mark.parametrize("stated", ["0", "-5", "many", "9" * 30, "٣"])
def test_the_plan_page_ignores_a_number_of_photos_that_is_none(stated):
    app = open_page("plan", images=stated)
    assert not [box for box in app.number_input if box.key == f"images_{stated}"]


def test_half_masked_images_are_counted_and_may_be_taken_into_f(tiny_folder, data):
    half_masked(tiny_folder, data / "mine")
    app = open_page("data", data="mine")
    assert metrics(app)["with masks"] == "9"
    assert "3 half-masked" in texts(app)
    app.radio(key="half_masked_mine").set_value("full").run()
    app.button(key="read_as").click().run()
    assert metrics(app)["with masks"] == "12"
    assert not [radio for radio in app.radio if radio.key == "outside_mine"]


def test_a_page_cannot_ask_for_photos_outside_but_can_stop_following_them(tiny_folder, data, tmp_path):
    folder = half_masked(tiny_folder, data / "mine")
    photo = folder / "images" / "train_2.png"
    photo.rename(tmp_path / "elsewhere.png")
    photo.symlink_to(tmp_path / "elsewhere.png")
    app = open_page("data", data="mine")
    assert metrics(app)["Training images"] == "11"
    assert not [radio for radio in app.radio if radio.key == "outside_mine"]
    save_reading(folder, Reading(outside=Outside.FOLLOWED))
    assert len(open_dataset("mine", data).train.images) == 12
    app = open_page("data", data="mine")
    app.radio(key="outside_mine").set_value("refused").run()
    app.button(key="read_as").click().run()
    assert len(open_dataset("mine", data).train.images) == 11
