"""From a split that was built on Data to a training on it."""

from urllib.parse import parse_qs

import pytest

from tests.ui.opened import open_page, texts


def way_to_train(app):
    """The words on the link to Train, and what it asks for."""
    (link,) = (link.proto for link in app.get("page_link") if link.proto.page == "train")
    return link.label, {key: value for key, (value,) in parse_qs(link.query_string).items()}


def test_the_way_from_a_kept_split_to_train_leads_to_that_split(embedded):
    app = open_page("data")
    assert way_to_train(app) == ("Train on this dataset", {"data": "embedded"})
    app.selectbox(key="way").set_value("classes in proportion").run()
    app.number_input(key="full_embedded_classes in proportion").set_value(3).run()
    app.number_input(key="weak_embedded_classes in proportion").set_value(7).run()
    next(box for box in app.text_input if box.label == "Name").set_value("three + seven").run()
    next(button for button in app.button if button.label == "Save").click().run()
    label, asked = way_to_train(app)
    assert label == "Train on this split"
    train = open_page("train", **asked)
    assert train.selectbox(key="split_embedded").value == "three + seven"
    assert "**3** mask images and **7** box images of 20" in texts(train)
    app.number_input(key="full_embedded_classes in proportion").set_value(4).run()
    assert way_to_train(app)[0] == "Train on this dataset"


def test_the_link_of_train_says_which_kept_split_is_chosen(embedded):
    app = open_page("data")
    next(button for button in app.button if button.label == "Save").click().run()
    train = open_page("train", split_embedded="nobody kept this")
    assert train.query_params["split_embedded"] == "drawn at random"
    kept = train.selectbox(key="split_embedded").options[1]
    train.selectbox(key="split_embedded").set_value(kept).run()
    assert train.query_params["split_embedded"] == kept


@pytest.mark.parametrize(
    ("recipe", "batch", "of_seven", "of_none"),
    # DETR: 300 epochs of 10 and of 3 images in batches of 10, and 150 of 3 in one batch.
    [("paper-voc", 16, "30,000", "20,000"), ("paper-detr-voc", 10, "450", "450"), ("quick", 16, "240", "240")],
)
def test_a_recipe_offers_the_length_of_the_split(embedded, recipe, batch, of_seven, of_none):
    train = open_page("train")
    train.number_input(key="full_embedded").set_value(3).run()
    train.selectbox(key="recipe").set_value(recipe).run()
    for weak, steps in ((7, of_seven), (0, of_none), (7, of_seven)):
        train.number_input(key="weak_embedded").set_value(weak).run()
        assert not train.exception
        assert f"{weak}** box images of 20, {steps} steps of {batch} images" in texts(train)
