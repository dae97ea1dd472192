import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitlab.shown_numbers import hours_and_sum, rounded, shown


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (28.25, 1, "28.3"),
        (28.249999999999996, 1, "28.3"),  # a mean of decimals that misses its last digits
        (2.675, 2, "2.68"),
        (0.5, 0, "1"),
        (2.5, 0, "3"),
        (-0.25, 1, "-0.3"),
        (-0.04, 1, "0.0"),
        (1234567.05, 1, "1,234,567.1"),
        (1e300, 1, f"{1e300:,.1f}"),
        (math.inf, 1, "inf"),
        (math.nan, 1, "nan"),
    ],
)
def test_a_half_is_rounded_away_from_zero(value, digits, text):
    assert shown(value, digits) == text
    assert rounded(value, digits) == pytest.approx(float(text.replace(",", "")), nan_ok=True)


def test_the_hours_of_the_cheapest_split_add_up():
    assert hours_and_sum([584 * 239.7 / 3600, 3671 * 38.1 / 3600]) == (["38.9", "38.8"], "77.7")


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=5))
def test_hours_add_up_to_their_sum_and_none_is_a_digit_off(parts):
    texts, total = hours_and_sum(parts)
    written = [Fraction(text.replace(",", "")) for text in texts]
    assert sum(written) == Fraction(total.replace(",", ""))
    assert total == f"{sum(parts):,.1f}"
    assert all(abs(float(text) - part) <= 0.1 + 1e-9 for text, part in zip(written, parts, strict=True))
