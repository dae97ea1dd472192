"""A file that takes the place of another brings its own name; a name that was written stays as long as its file."""

import pytest

from tests.ui.datasets import zipped
from tests.ui.opened import open_page


@pytest.mark.parametrize(
    ("page", "place", "key", "files", "names"),
    [
        ("data", 0, "archive_name", ("first.zip", "second.tar.gz"), ("first", "second")),
        ("compare_masks", -1, "weights_name", ("first.pt", "second.pt"), ("first", "second")),
    ],
)
def test_a_replaced_upload_is_called_by_its_own_name(page, place, key, files, names, workspace, tiny_folder):
    app = open_page(page, data="tiny")
    if page == "data":
        app.button(key="add").click().run()
    upload(app, place, files[0], zipped(tiny_folder))
    assert app.text_input(key=key).value == names[0]
    app.text_input(key=key).set_value("my own").run()
    app.run()
    assert app.text_input(key=key).value == "my own"
    upload(app, place, files[1], zipped(tiny_folder))
    assert app.text_input(key=key).value == names[1]


def upload(app, place, name, content):
    app.get("file_uploader")[place].set_value((name, content, "application/octet-stream")).run()
    assert not app.exception
