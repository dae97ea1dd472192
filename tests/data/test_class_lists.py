"""Class names in one line: what people type, and every name back as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitlab.data.classes import in_one_line, names_in
from splitlab.data.reading import printable


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ()),
        ("a", ("a",)),
        (" a, b ,,", ("a", "b")),
        ('a, "b, the big one"', ("a", "b, the big one")),
        ('12" ruler,b', ('12" ruler', "b")),
        ('"never closed, b', ("never closed, b",)),
    ],
)
def test_names_are_read_as_they_are_typed(text, names):
    assert names_in(text) == names


def test_plain_names_are_written_with_nothing_but_commas():
    assert in_one_line(["moon jelly", "compass jelly"]) == "moon jelly,compass jelly"


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1)))
def test_every_name_comes_back(names):
    assert names_in(in_one_line(names)) == tuple(names)


@given(st.text(min_size=1))
def test_every_class_name_of_a_file_comes_back_as_it_is_read(written):
    name = printable(written)
    assert names_in(in_one_line([name])) == ((name,) if name else ())
