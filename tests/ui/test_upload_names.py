"""A file that takes the place of another brings its own name; a name that was written stays as long as its file."""

import pytest

from tests.ui.opened import open_page


@pytest.mark.parametrize(
    ("page", "place", "key", "files", "names"),
    [
        ("data", 0, "archive_name", ("first.zip", "second.tar.gz"), ("first", "second")),
        ("compare_masks", -1, "weights_name", ("first.pt", "second.pt"), ("first", "second")),
    ],
)
def test_a_replaced_upload_is_called_by_its_own_name(page, place, key, files, names, workspace):
    app = open_page(page, data="tiny")
    upload(app, place, files[0])
    assert app.text_input(key=key).value == names[0]
    app.text_input(key=key).set_value("my own").run()
    app.run()
    assert app.text_input(key=key).value == "my own"
    upload(app, place, files[1])
    assert app.text_input(key=key).value == names[1]


def upload(app, place, name):
    app.get("file_uploader")[place].set_value((name, b"content of " + name.encode(), "application/octet-stream")).run()
    assert not app.exception
