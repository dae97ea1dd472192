import pytest

from splitlab.data.reading import printable, read_bounded, read_name_list
from splitlab.errors import DataError


def test_the_words_of_each_line_come_in_order_without_comments_and_empty_lines(tmp_path):
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbf# names\r\nb_2 1 x\r\n\r\n  a.1-z\r\n")
    assert read_name_list(tmp_path / "list.txt") == ([["b_2", "1", "x"], ["a.1-z"]], [])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "lists no images"),
        (b"# only a comment\n", "lists no images"),
        (b"../../secret\n", r"'\.\./\.\./secret' is not an image name"),
        (b"/secret\n", "'/secret' is not an image name"),
        (b"..\n", r"'\.\.' is not an image name"),
        (b"a\\b\n", "is not an image name"),
        (b"a\0b\n", "is not an image name"),
        (b"a" * 5000, "is not an image name"),
        (b"\xff\xfe\x00", "not UTF-8 text"),
    ],
)
def test_a_broken_list_gets_one_sentence_that_names_it(tmp_path, content, says):
    (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(DataError, match=says) as caught:
        read_name_list(tmp_path / "list.txt")
    assert "list.txt" in str(caught.value)


def test_odd_lines_are_named_and_the_others_are_read(tmp_path):
    (tmp_path / "list.txt").write_bytes(b"one 1\n../two\none 2\nthree\n")
    lines, problems = read_name_list(tmp_path / "list.txt")
    assert lines == [["one", "1"], ["three"]]
    assert [problem.what[:34] for problem in problems] == [
        "'../two' is not an image name: let",
        "image one is listed twice",
    ]


def test_a_file_is_read_up_to_its_limit_and_no_further(tmp_path):
    (tmp_path / "label").write_bytes(b"12345")
    assert read_bounded(tmp_path / "label", 5) == b"12345"
    with pytest.raises(DataError, match="larger than 4 bytes"):
        read_bounded(tmp_path / "label", 4)


def test_what_is_missing_or_no_file_is_named(tmp_path):
    with pytest.raises(DataError, match="nowhere: the file is missing"):
        read_bounded(tmp_path / "nowhere", 5)
    with pytest.raises(DataError, match="cannot be read"):
        read_bounded(tmp_path, 5)


@pytest.mark.parametrize("written", ["moon jelly ", "\tmoon jelly\r\n", "\u3000moon jelly\xa0"])
def test_a_class_name_has_no_blanks_around_it(written):
    assert printable(written) == "moon jelly"
