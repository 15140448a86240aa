import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip.capacity.quantity import Span, quantity, span_text

bounds = st.lists(st.floats(0.001, 1e9), min_size=3, max_size=3).map(lambda parts: Span(*sorted(parts)))
inside = st.floats(0, 1)


@given(bounds, bounds, inside, inside)
def test_what_is_worked_out_from_values_within_bounds_is_within_the_bounds_worked_out(one, other, at, beside):
    a = one.low + at * (one.high - one.low)
    b = other.low + beside * (other.high - other.low)
    for span, value in ((one + other, a + b), (one * other, a * b), (one / other, a / b), (1.0 / one, 1 / a)):
        assert span.low * (1 - 1e-9) <= value <= span.high * (1 + 1e-9)
        assert span.low <= span.likely <= span.high


def test_of_two_bounds_the_middle_is_geometric():
    assert Span.between(2, 8) == Span(2, 4, 8)
    assert Span.between(0, 8) == Span(0, 4, 8)
    assert Span.between(1e-217, 1e-214).likely == 1e-217  # the product is too small for a float


def test_of_two_bounds_that_are_not_both_above_nothing_it_is_half_way():
    assert Span.between(-0.3, -0.1) == Span(-0.3, pytest.approx(-0.2), -0.1)
    assert Span.between(-0.5, 0.1) == Span(-0.5, pytest.approx(-0.2), 0.1)


def test_the_larger_and_the_smaller_of_two_are_told_bound_by_bound():
    assert Span(1, 2, 5).at_least(3) == Span(3, 3, 5)
    assert Span(1, 2, 5).at_most(Span(0, 3, 4)) == Span(0, 2, 4)


def test_whole_things_are_rounded_up_and_at_least_one():
    assert Span(0.1, 2.0000000001, 2.1).ceil() == Span(1, 2, 3)
    assert Span(0.1, 2.0, 2.1).ceil(3) == Span(3, 3, 3)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "/s", "0 /s"),
        (999, "", "999"),
        (49_124, "/s", "49.1 k/s"),
        (1.828e9, "", "1.83 billion"),
        (2.15e12, "", "2.15 trillion"),
        (5e12, "B", "5 TB"),
        (0.034, "share", "3.4 %"),
        (0, "us", "0 us"),
        (0.5, "us", "500 ns"),
        (1_500_000, "us", "1.5 s"),
        (90, "s", "1.5 min"),
        (7200, "s", "2 h"),
        (200_000, "s", "2.31 days"),
        (232.6, "x", "233 x"),
        (12_345, "x", "12,345 x"),
        (1.24e21, "x", "1.24e+21 x"),
        (2.5e20, "B", "2.5e+08 TB"),
    ],
)
def test_values_are_written_with_three_digits(value, unit, text):
    assert quantity(value, unit) == text


def test_bounds_are_written_where_there_are_two():
    assert span_text(Span.of(3), "s") == ""
    assert span_text(Span(1, 2, 3000), "") == "1 to 3 k"
