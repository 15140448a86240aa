"""Small images and what to ask them: shared by the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from portdip import index
from portdip.index import reference

NO_RANGES: list[tuple[int, int, int]] = []

#: Starts of neighbourhoods: several lengths of numbers, a block's and a group's first number, both ends of the space.
BASES = [1, 90, 12_345_678, 8_613_800_000_000, 861_376_000_0000, 12_025_550_000, 999_999_999_999_000]


def build(entries: dict[int, int], ranges: list[tuple[int, int, int]], path: Path, maker: Any = index) -> Any:
    """An open index of the entries and ranges."""
    numbers = np.array(sorted(entries), dtype=np.uint64)
    codes = np.array([entries[number] for number in sorted(entries)], dtype=np.uint16)
    maker.build(numbers, codes, ranges, path)
    return maker.Index.open(path)


def twin(entries: dict[int, int], ranges: list[tuple[int, int, int]]) -> reference.Index:
    return reference.Index(entries, ranges)


def numbers_near(base: int, spread: int) -> st.SearchStrategy[int]:
    return st.integers(0, spread).map(lambda step: min(base + step, 10**15 - 1))


@st.composite
def neighbourhoods(draw: st.DrawFn) -> dict[int, int]:
    """Entries crowded or thin in one place, with few or many codes."""
    base = draw(st.sampled_from(BASES))
    spread = draw(st.sampled_from([30, 400, 9_999, 200_000, 10**8]))
    code = st.integers(1, draw(st.sampled_from([1, 3, 40, 65_534])))
    return draw(st.dictionaries(numbers_near(base, spread), code, max_size=draw(st.sampled_from([3, 60, 700]))))


@st.composite
def plans(draw: st.DrawFn) -> list[tuple[int, int, int]]:
    """Nested ranges: each splits or withdraws a part of one before it, or stands apart."""
    ranges: dict[tuple[int, int], int] = {}
    for _ in range(draw(st.integers(0, 6))):
        inside = draw(st.sampled_from([None, *ranges]))
        if inside is None:
            base = draw(st.sampled_from(BASES))
            digits = len(str(base))
            low, high = max(base - 50_000, 10 ** (digits - 1)), 10**digits - 1
        else:
            low, high = inside
        first = draw(st.integers(low, min(high, low + draw(st.sampled_from([0, 500, 10**6, 10**10])))))
        size = draw(st.sampled_from([1, 7, 100, 1_000, 10_000, 30_001, 640_000, 10**7, 10**12]))
        last = min(high, first + size - 1)
        if all(apart_or_nested((first, last), other) for other in ranges):
            ranges.setdefault((first, last), draw(st.integers(0, 9)))
    return [(first, last, code) for (first, last), code in ranges.items()]


def apart_or_nested(one: tuple[int, int], other: tuple[int, int]) -> bool:
    apart = one[1] < other[0] or other[1] < one[0]
    inside = one[0] >= other[0] and one[1] <= other[1]
    around = one[0] <= other[0] and one[1] >= other[1]
    return apart or inside or around


def questions(entries: dict[int, int], ranges: list[tuple[int, int, int]]) -> list[int]:
    """Numbers whose answers could differ: each entry, each edge, and their neighbours."""
    edges = [edge for first, last, _ in ranges for edge in (first, last)]
    near = (spot + step for spot in [*entries, *edges, *BASES] for step in (-10_000, -100, -1, 0, 1, 99, 640_000))
    return sorted({number for number in near if number >= 0} | {0, 10**15 - 1, 10**15, 2**64 - 1})


def differences(one: Any, other: Any, numbers: list[int]) -> Iterator[tuple[str, int]]:
    """Where two indexes answer differently, by any of their methods."""
    asked = np.array(numbers, dtype=np.uint64)
    for name in ("find_many", "match_many"):
        for row in np.flatnonzero(getattr(one, name)(asked) != getattr(other, name)(asked)):
            yield name, numbers[row]
    for number in numbers:
        if one[number] != other[number]:
            yield "[]", number
        if (number in one) != (number in other):
            yield "in", number
        if one.match(number) != other.match(number):
            yield "match", number
        if one.range_code(number) != other.range_code(number):
            yield "range_code", number
    if len(one) != len(other):
        yield "len", len(one)
