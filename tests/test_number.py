"""Digits to integer and back; prefixes and intervals."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip import number
from portdip.errors import InvalidNumberError, InvalidRangeError

NUMBERS = st.integers(1, number.LIMIT - 1)


@given(NUMBERS, st.booleans())
def test_a_number_written_as_digits_is_read_back(value, plus):
    assert number.parse(f"+{value}" if plus else str(value)) == value


@pytest.mark.parametrize(
    "text", ["", "+", "0", "0123", "+0123", "12a4", "12 34", "++12", "1" * 16, "１２３", "٣٤", "12\n", "-5", "1.0"]
)
def test_anything_else_is_refused_and_says_what_to_give(text):
    with pytest.raises(InvalidNumberError, match="international form"):
        number.parse(text)


@pytest.mark.parametrize("value", [0, -1, number.LIMIT])
def test_an_integer_out_of_range_is_no_number(value):
    with pytest.raises(InvalidNumberError):
        number.check(value)


@pytest.mark.parametrize(
    ("text", "region", "value"),
    [
        ("+86 138-0013-8000", None, 8613800138000),
        ("138 0013 8000", "CN", 8613800138000),
        ("13800138000", "CN", 8613800138000),
        ("(202) 555-0142", "US", 12025550142),
        ("8613800138000", None, 8613800138000),
    ],
)
def test_human_spelling_is_understood_at_the_edge(text, region, value):
    assert number.parse_human(text, region) == value


@pytest.mark.parametrize(
    ("text", "region"), [("1-800-FLOWERS", "US"), ("13800138000 x5", "CN"), ("12", "CN x"), ("", "CN")]
)
def test_human_spelling_that_leaves_doubt_is_refused(text, region):
    with pytest.raises(InvalidNumberError):
        number.parse_human(text, region)


@given(st.integers(1, 999_999), st.integers(0, 6))
def test_a_prefix_and_its_interval_are_the_same(prefix, free):
    first, last = number.interval_of_prefix(prefix, number.length(prefix) + free)
    assert last - first + 1 == 10**free
    assert str(first).startswith(str(prefix))
    assert str(last).startswith(str(prefix))
    assert len(number.prefixes_of_interval(first, last)) == 1


@given(st.integers(1, 8), st.data())
def test_prefixes_cover_an_interval_once_and_nothing_else(digits, data):
    low, high = 10 ** (digits - 1), 10**digits - 1
    first = data.draw(st.integers(low, high))
    last = data.draw(st.integers(first, high))
    covered = [number.interval_of_prefix(prefix, digits) for prefix in number.prefixes_of_interval(first, last)]
    assert covered[0][0] == first
    assert covered[-1][1] == last
    assert all(before[1] + 1 == after[0] for before, after in itertools.pairwise(covered))


def test_an_interval_of_two_lengths_or_a_prefix_too_long_is_refused():
    with pytest.raises(InvalidRangeError):
        number.prefixes_of_interval(90, 110)
    with pytest.raises(InvalidRangeError):
        number.interval_of_prefix(12345, 3)


@given(NUMBERS)
def test_a_masked_number_keeps_its_length_and_hides_its_middle(value):
    masked = number.mask(value)
    assert len(masked) == number.length(value)
    assert masked.count("*") >= min(3, number.length(value) - 3)
    assert all(shown in ("*", digit) for shown, digit in zip(masked, str(value), strict=True))
    if number.length(value) > 10:
        assert masked == f"{str(value)[:5]}{'*' * (number.length(value) - 8)}{str(value)[-3:]}"


def test_a_short_number_is_masked_too():
    assert number.mask(12345678) == "12***678"
    assert number.mask(110) == "***"
