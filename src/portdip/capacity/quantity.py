"""Values with what is known of them, and how they are written for people."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

_LARGE = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
#: Of people and numbers one says billions.
_LARGE_COUNTS = ((1e12, "trillion"), (1e9, "billion"), (1e6, "M"), (1e3, "k"))
#: Units of time, and seconds in each; a value is written in the one that fits it.
_TIMES = (("days", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9))
#: From here on digits are counted rather than read.
_READABLE = 1e7
_SHARE, _TIMES_AS_MUCH = "share", "x"


@dataclass(frozen=True)
class Span:
    """What a value likely is, and the bounds that it surely lies in. What is multiplied or divided is not negative.

    Arithmetic takes the worst case on either side, as if nothing about the parts were related: bounds never claim too
    much.

    >>> Span(1.0, 2.0, 3.0) * 2 / Span(1.0, 2.0, 4.0)
    Span(low=0.5, likely=2.0, high=6.0)
    """

    low: float
    likely: float
    high: float

    @classmethod
    def of(cls, value: float) -> Self:
        """What is known exactly, or taken as such."""
        return cls(value, value, value)

    @classmethod
    def between(cls, low: float, high: float) -> Self:
        """Only its bounds are known: likely is their geometric mean, or the middle where they are not both above 0."""
        middle = math.sqrt(low * high) if low > 0 else (low + high) / 2
        return cls(low, min(max(middle, low), high), high)  # of the smallest numbers the product is 0

    @property
    def is_exact(self) -> bool:
        """Whether there is nothing to say but one value."""
        return self.low == self.high

    def __add__(self, other: Span | float) -> Span:
        other = _span(other)
        return Span(self.low + other.low, self.likely + other.likely, self.high + other.high)

    def __mul__(self, other: Span | float) -> Span:
        other = _span(other)
        return Span(self.low * other.low, self.likely * other.likely, self.high * other.high)

    def __truediv__(self, other: Span | float) -> Span:
        other = _span(other)
        return Span(self.low / other.high, self.likely / other.likely, self.high / other.low)

    def __rtruediv__(self, other: float) -> Span:
        return Span.of(other) / self

    def __pow__(self, exponent: float) -> Span:
        assert exponent >= 0, "of a negative power the bounds change places"
        return Span(self.low**exponent, self.likely**exponent, self.high**exponent)

    def at_least(self, other: Span | float) -> Span:
        """The larger of two."""
        other = _span(other)
        return Span(max(self.low, other.low), max(self.likely, other.likely), max(self.high, other.high))

    def at_most(self, other: Span | float) -> Span:
        """The smaller of two."""
        other = _span(other)
        return Span(min(self.low, other.low), min(self.likely, other.likely), min(self.high, other.high))

    def ceil(self, at_least: int = 1) -> Span:
        """Whole things, one at least."""
        # What rounding made of a whole number is still that number.
        low, likely, high = (max(at_least, math.ceil(value - 1e-9)) for value in (self.low, self.likely, self.high))
        return Span(low, likely, high)


def _span(value: Span | float) -> Span:
    return value if isinstance(value, Span) else Span.of(value)


def quantity(value: float, unit: str) -> str:
    """A value for people, with three digits that mean something.

    >>> quantity(1_234_567, "/s"), quantity(4321, "us"), quantity(0.25, "share"), quantity(3, "nodes")
    ('1.23 M/s', '4.32 ms', '25 %', '3 nodes')
    """
    if unit == _SHARE:
        return f"{_digits(value * 100)} %"
    if unit == _TIMES_AS_MUCH:
        return f"{_digits(value)} x"
    names = [name for name, _ in _TIMES]
    if unit in names and value > 0:
        seconds = value * dict(_TIMES)[unit]
        unit, size = next(((name, size) for name, size in _TIMES if seconds >= size), _TIMES[-1])
        return f"{_digits(seconds / size)} {unit}"
    for factor, letter in _LARGE if unit else _LARGE_COUNTS:
        if abs(value) >= factor:
            return f"{_digits(value / factor)} {letter}{unit}"
    return f"{_digits(value)} {unit}".strip()


def span_text(span: Span, unit: str) -> str:
    """The bounds of a span; '' where there is but one value.

    >>> span_text(Span(1.0, 1.5, 2.0), "ms")
    '1 ms to 2 ms'
    """
    return "" if span.is_exact else f"{quantity(span.low, unit)} to {quantity(span.high, unit)}"


def _digits(value: float) -> str:
    """Three digits, or all before the point where those can be read."""
    return f"{value:,.0f}" if 100 <= abs(value) < _READABLE else f"{value:.3g}"
