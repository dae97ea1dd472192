"""What commands print with --json."""

import json
import math

import pytest

from splitlab.cli.output import print_json


def test_json_is_one_line_that_any_reader_takes(capsys):
    print_json({"name": "a\nb", "ap": 1.5})
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert json.loads(printed) == {"name": "a\nb", "ap": 1.5}


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_numbers_that_json_does_not_know_are_never_printed(capsys, number):
    with pytest.raises(ValueError, match="not JSON compliant"):
        print_json({"ap": number})
    assert capsys.readouterr().out == ""
