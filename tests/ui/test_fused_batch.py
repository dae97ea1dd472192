"""How mixed training works, as a lesson shows it; and the batch of one's own split, folded on the page Train."""

import pytest

from splitlab.data.scenes.embedded import EmbeddedSettings, make_embedded
from splitlab.training.batch_loss import batch_images
from tests.ui.opened import open_page, texts

SCREEN = {"lesson": "2", "screen": "2"}

pytestmark = pytest.mark.usefixtures("embedded")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_embedded(tmp_path_factory.mktemp("data") / "embedded", settings=EmbeddedSettings(180, 2))


def test_the_lesson_counts_what_each_part_sees_and_answers_to_scrambled_masks():
    app = open_page("lessons", **SCREEN)
    assert "**2 images of F** and **4 of W**" in texts(app)
    assert "learn from all 6 images, the **mask part from 2**. The mask part has no gradient for images of W." in texts(
        app
    )
    assert "3 times smaller" in texts(app)
    app.button_group(key="scramble").set_value("all of W").run()
    assert "**Nothing changed**: all parts of the loss" in texts(app)
    app.button_group(key="scramble").set_value("one of F").run()
    assert "1 mask of F replaced by random pixels, in the batch. Changed: **mask**, and" in texts(app)
    assert not app.exception


def test_the_lesson_follows_its_link():
    app = open_page("lessons", **SCREEN, batch_size="4", f_size="2", batch="3", scramble="all of W")
    assert "**Nothing changed**" in texts(app)
    assert app.number_input(key="batch").value == 3
    app.button_group(key="scramble").set_value("none").run()
    assert "**2 images of F** and **2 of W**" in texts(app)
    assert "2 times smaller" in texts(app)


def test_a_link_with_impossible_sizes_shows_possible_ones():
    app = open_page("lessons", **SCREEN, batch_size="9999", f_size="-3", batch="x", scramble="<b>all</b>")
    assert "**2 images of F** and **4 of W**" in texts(app)


def test_a_smaller_batch_takes_f_size_along():
    app = open_page("lessons", **SCREEN, f_size="5")
    assert "**5 images of F** and **1 of W**" in texts(app)
    app.button_group(key="batch_size").set_value("4").run()
    assert not app.exception
    assert "**3 images of F** and **1 of W**" in texts(app)


def test_train_makes_the_batch_of_the_split_only_when_it_is_opened(monkeypatch):
    made = []

    def make(spec, split, dataset, step):
        made.append((spec.batch_size, len(split.full), len(split.weak), step))
        return batch_images(spec, split, dataset, step)

    monkeypatch.setattr("splitlab.training.batch_loss.batch_images", make)
    open_page("train")
    assert not made
    app = open_page("train", fused_batch="true")
    assert made == [(16, 30, 150, 0)]
    assert any("<b>4</b> of F: masks" in each.value for each in app.get("html"))
    assert "the images of F only" in texts(app)


def test_train_says_why_a_run_in_two_stages_has_no_mixed_batch():
    app = open_page("train", fused_batch="true", recipe="quick-detr")
    assert "detr-lite0-few learns boxes of F and W first, then masks of F" in texts(app)
    app.selectbox(key="model_embedded_quick-detr").set_value("yolov5n-lite0-seg").run()
    assert "learns boxes of F and W first" not in texts(app)
    assert "the images of F only" in texts(app)
