"""The images behind a number on Errors by split: which page of them is shown."""

from collections import Counter

import pytest

from splitlab.app.errors import images_behind
from tests.ui.opened import looked_at


@pytest.fixture
def on_the_second_page(workspace, monkeypatch):
    """Errors by split with one image a page; the link says the second, as a browser's does after a click on it."""
    monkeypatch.setattr("splitlab.app.errors.images_behind._IMAGES_A_PAGE", 1)
    app = looked_at("errors", page="2")
    assert app.pagination(key="page").num_pages == 4
    assert app.pagination(key="page").value == 2
    return app


def test_a_click_on_a_number_begins_with_the_first_page_of_its_images(on_the_second_page):
    on_the_second_page.button(key="seen none").click().run()
    assert on_the_second_page.pagination(key="page").value == 1


@pytest.mark.parametrize(("key", "value"), [("kind", "missed"), ("truth", "disc"), ("said", "nothing"), ("of", "12/0")])
def test_other_images_begin_with_their_first_page(on_the_second_page, key, value):
    on_the_second_page.selectbox(key=key).set_value(value).run()
    assert not on_the_second_page.exception
    assert on_the_second_page.pagination(key="page").value == 1


def test_pictures_are_drawn_anew_for_another_score_alone(workspace, monkeypatch):
    drawn = Counter()
    for name in ("truth_picture", "model_picture"):
        plain = getattr(images_behind, name)
        monkeypatch.setattr(images_behind, name, lambda *a, n=name, p=plain: (drawn.update([n]), p(*a))[1])
    app = looked_at("errors")
    assert drawn == {"truth_picture": 4, "model_picture": 4}
    app.button_group(key="errors_by").set_value("how often").run()
    assert len(app.get("image")) == 8
    assert drawn == {"truth_picture": 4, "model_picture": 4}
    next(slider for slider in app.slider if slider.label == "Least confidence").set_value(0.95).run()
    assert not app.exception
    assert drawn == {"truth_picture": 4, "model_picture": 8}
