"""Errors by split and Compare masks on images with labels, run by Streamlit's own AppTest."""

import io
import shutil

from PIL import Image
from streamlit.runtime.scriptrunner import StopException

from splitlab.checkpoints.checkpoint import Card, save_checkpoint
from splitlab.models.registry import build_model, weights_of
from tests.ui.opened import looked_at, open_page, texts


def test_errors_without_a_model_for_the_data_says_what_to_do(workspace, monkeypatch, tmp_path):
    monkeypatch.setenv("SPLITLAB_CHECKPOINTS", str(tmp_path))
    app = open_page("errors", data="tiny")
    app.selectbox(key="data").set_value("tiny").run()
    assert "No checkpoint knows the classes of 'tiny' (square, disc). Train one on it" in texts(app)
    assert not app.exception


def test_models_look_only_when_asked_and_only_once(workspace):
    app = open_page("errors")
    assert app.selectbox(key="data").value == "tiny"
    assert "have not been run on these 4 images yet" in texts(app)
    app.button(key="look").click().run()
    assert not app.exception
    assert "Observation 5" in texts(app)
    again = open_page("errors")
    assert "Observation 5" in texts(again)
    assert len(list((workspace / "detections").glob("*.json"))) == 1  # both checkpoints have the same weights


def test_every_kind_of_mistake_leads_to_images_or_says_there_are_none(workspace):
    app = looked_at("errors")
    for kind in app.selectbox(key="kind").options:
        app.selectbox(key="kind").set_value(kind).run()
        assert not app.exception
        assert len(app.get("image")) > 0 or "No image has such a mistake" in texts(app)


def test_missed_objects_are_shown_beside_the_truth(workspace):
    app = looked_at("errors")
    app.slider(key="counted_from").set_value(0.95).run()
    app.selectbox(key="kind").set_value("missed").run()
    app.selectbox(key="truth").set_value("disc").run()
    assert "2 in 2 images" in texts(app)  # image 1 and 3 of four show a disc
    assert len(app.get("image")) == 4
    app.selectbox(key="of").set_value("12/0").run()
    assert not app.exception


def test_the_link_holds_model_kind_and_class(workspace):
    looked_at("errors")
    app = open_page("errors", kind="missed", truth="disc", of="tiny-12-0", counted_from="0.5")
    assert app.selectbox(key="kind").value == "missed"
    assert app.selectbox(key="truth").value == "disc"
    assert app.selectbox(key="of").value == "12/0"
    assert app.slider(key="counted_from").value == 0.5


def test_a_datasets_images_are_shown_with_the_truth_and_what_differs(workspace):
    app = open_page("compare_masks")
    app.button_group(key="look_at").set_value("images of a data set").run()
    assert not app.exception
    assert len(app.get("plotly_chart")) == 1  # before any model has looked at all images
    app.button(key="look").click().run()
    first = app.selectbox(key="image").value
    app.button(key="Next image").click().run()
    assert not app.exception
    assert app.selectbox(key="image").value != first
    app.button(key="Previous image").click().run()
    assert app.selectbox(key="image").value == first
    app.button_group(key="colour").set_value("kind of error").run()
    app.slider(key="score").set_value(0.05).run()
    assert not app.exception
    assert "object" in app.dataframe[0].value


def test_a_link_to_an_image_opens_it(workspace):
    app = open_page(
        "compare_masks", look_at="images of a data set", data="tiny", image="3", score="0.1", colour="kind of error"
    )
    assert app.selectbox(key="image").value == "3"
    assert app.slider(key="score").value == 0.1
    app.button_group(key="classes").set_value(["disc"]).run()
    assert not app.exception


def test_what_a_link_asks_for_and_is_not_there_is_passed_over(workspace):
    app = open_page(
        "compare_masks", look_at="images of a data set", image="no such", models="nobody", classes="unicorn", colour="?"
    )
    assert app.selectbox(key="image").value == "1"
    assert len(app.get("plotly_chart")) == 1
    app = open_page("errors", of="nobody", kind="no kind", truth="unicorn", said="<b>", page="99")
    assert not app.exception


def test_looking_again_after_a_stop_starts_afresh(workspace, monkeypatch):
    calls = []

    def stopped(*_):
        calls.append(1)
        raise StopException

    monkeypatch.setattr("splitlab.evaluation.compare_models.see", stopped)
    app = looked_at("errors")
    assert calls == [1]
    assert "Observation 5" not in texts(app)
    monkeypatch.undo()


def upload(app, *files):
    app.get("file_uploader")[0].set_value(list(files)).run()
    assert not app.exception
    return app


def as_png(width, height, mode="RGB"):
    buffer = io.BytesIO()
    Image.new(mode, (width, height)).save(buffer, "PNG")
    return buffer.getvalue()


def test_several_photos_are_uploaded_at_once_and_nothing_of_them_reaches_the_disk(workspace, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    app = upload(
        open_page("compare_masks"),
        ("one.png", as_png(40, 30), "image/png"),
        ("two.png", as_png(30, 40, "RGBA"), "image/png"),
        ("two.png", as_png(50, 50, "L"), "image/png"),
    )
    assert app.selectbox(key="photo").options[:3] == ["one.png", "two.png", "two.png (3)"]
    assert app.selectbox(key="photo").value == "two.png (3)"
    assert sorted(tmp_path.rglob("*")) == before


def test_a_photo_of_48_megapixels_is_scaled_and_the_page_says_so(workspace):
    app = upload(open_page("compare_masks"), ("large.png", as_png(8000, 6000, "1"), "image/png"))
    assert "was scaled from 8000 x 6000 to 1600 x 1200 pixels" in texts(app).replace("\\", "")


def test_what_is_no_photo_gets_a_sentence_and_the_others_are_shown(workspace):
    heic = b"\0\0\0\x18ftypheic" + b"\0" * 40
    app = upload(open_page("compare_masks"), ("phone.jpg", heic, "image/jpeg"), ("fine.png", as_png(9, 9), "image/png"))
    assert "is HEIC, which is not supported: save it as JPEG" in app.error[0].value.replace("\\", "")
    assert app.selectbox(key="photo").value == "fine.png"


def test_models_and_classes_begin_anew_with_other_data(workspace, tiny_folder):
    other = shutil.copytree(tiny_folder, workspace / "data" / "other")
    for labels in other.glob("*.json"):
        labels.write_text(labels.read_text().replace('"disc"', '"ring"'))
    app = open_page("compare_masks", look_at="images of a data set")
    app.button_group(key="classes").set_value(["disc"]).run()
    app.selectbox(key="data").set_value("other").run()
    assert "No checkpoint knows the classes of 'other' (square, ring)" in texts(app)
    app.selectbox(key="data").set_value("tiny").run()
    assert not app.exception
    assert len(app.multiselect(key="models").value) == 2


def test_detr_shows_where_it_looked_when_asked(monkeypatch, tmp_path):
    model = build_model("detr-lite0-few", 2, 64)
    card = Card("looker", "detr-lite0-few", 64, ["cat", "dog"], "pets", "", "", 3, 4, 0, "", 5, {})
    (tmp_path / "models" / "looker").mkdir(parents=True)
    save_checkpoint(tmp_path / "models" / "looker", weights_of(model), card)
    monkeypatch.setenv("SPLITLAB_CHECKPOINTS", str(tmp_path / "models"))
    app = open_page("compare_masks")
    assert not app.get("image")
    app.toggle(key="attention").set_value(True).run()
    assert not app.exception
    assert len(app.get("image")) == 1
    assert "mean over its heads" in texts(app)
