"""The images behind a number on Errors by split: which page of them is shown."""

import pytest

from tests.ui.opened import ROOT, looked_at


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.fixture
def on_the_second_page(workspace, monkeypatch):
    """Errors by split with one image a page; the link says the second, as a browser's does after a click on it."""
    monkeypatch.setattr("splitlab.ui.images_behind.IMAGES_A_PAGE", 1)
    app = looked_at("errors", score="0.95", page="2")
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
