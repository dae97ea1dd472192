"""What may be typed after `splitlab`: file names as people have them, and nothing that steers a terminal."""

import pytest

from splitlab.cli.command_order import _check_words
from splitlab.errors import SettingsError


@pytest.mark.parametrize(
    "word",
    [
        "Screenshot 2026-01-01 at 9.41.00\u202fAM.png",
        "写真\u3000一.jpg",
        "a\u00a0b.jpg",
        "\U0001f469\u200d\U0001f4bb.png",
        "1790000000000000001.jpg",
        "photos/1790000000000000001",
        "name=1790000000000000001.png",
    ],
)
def test_ordinary_file_names_pass(word):
    _check_words([word])


@pytest.mark.parametrize("word", ["1" * 19, "-" + "1" * 19, "seed=" + "9" * 19, "9" * 19 + ".5", "9" * 19 + "e3"])
def test_numbers_of_more_than_18_digits_are_refused(word):
    with pytest.raises(SettingsError, match="number of more than 18 digits"):
        _check_words([word])


@pytest.mark.parametrize("word", ["a\x1b[2J.png", "a\0b", "caf\udce9.jpg", "a\x9bb"])
def test_control_characters_and_bytes_that_are_no_letters_are_refused_and_never_repeated(word):
    with pytest.raises(SettingsError) as caught:
        _check_words([word])
    assert all(letter.isprintable() for letter in str(caught.value))
