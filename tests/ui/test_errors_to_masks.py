"""From Errors by split to Compare masks and back: each has its own least confidence, and the object is drawn."""

from urllib.parse import parse_qs

import pytest

from tests.ui.opened import looked_at, open_page

ERRORS, MASKS = "pages/errors.py", "pages/compare_masks.py"
DATA_IMAGES = "images of a data set"


def turn_to(app, page, **parameters):
    """Follow a link to another page; the side bar's say nothing more.

    AppTest sends along what the page before held, and a browser does not: a page without controls lies between.
    """
    app.query_params = {}
    app.switch_page("pages/home.py").run()
    app.query_params = parameters
    app.switch_page(page).run()
    assert not app.exception
    return app


def look_closer(app):
    """Follow the first link under a picture."""
    links = [link.proto for link in app.get("page_link") if link.proto.label == "Look closer"]
    return turn_to(app, MASKS, **parse_qs(links[0].query_string))


def test_each_of_the_two_pages_keeps_a_least_confidence_of_its_own(workspace):
    app = open_page("compare_masks", look_at=DATA_IMAGES)
    assert app.slider(key="score").value == 0.2
    assert turn_to(app, ERRORS).slider(key="counted_from").value == 0.25
    app.slider(key="counted_from").set_value(0.6).run()
    assert turn_to(app, MASKS).slider(key="score").value == 0.2


@pytest.mark.parametrize("counted_from", [0.2, 0.5])
def test_a_look_closer_draws_the_object_whatever_was_hidden_before(workspace, counted_from):
    looked_at("errors")
    app = open_page("compare_masks", look_at=DATA_IMAGES)
    app.slider(key="score").set_value(0.9).run()
    app.button_group(key="classes").set_value(["disc"]).run()
    app.button_group(key="seen").set_value(["all"]).run()
    turn_to(app, ERRORS).slider(key="counted_from").set_value(counted_from).run()
    look_closer(app)
    assert app.slider(key="score").value == counted_from
    assert app.button_group(key="classes").value == ["square", "disc"]
    assert app.button_group(key="seen").value == []
    assert "hidden" not in app.query_params
    app.button_group(key="classes").set_value(["disc"]).run()
    assert app.button_group(key="classes").value == ["disc"]


@pytest.mark.parametrize(("said", "taken"), [("0.5", 0.5), ("much", 0.25), ("nan", 0.25), ("7", 0.25)])
def test_a_link_to_errors_that_was_made_before_still_says_the_least_confidence(workspace, said, taken):
    app = open_page("errors", score=said)
    assert app.slider(key="counted_from").value == taken
    assert "score" not in app.query_params
    assert app.query_params.get("counted_from", "0.25") == str(taken)
    app.slider(key="counted_from").set_value(0.7).run()
    assert app.slider(key="counted_from").value == 0.7
