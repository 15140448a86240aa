"""Columns of alterations against a plain model: a dict of numbers, a dict of the numbers of ranges."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip.errors import MigrationError
from portdip.porting.migration.alterations import Alterations
from portdip.porting.migration.standing import Routes, Served, codes_at, split

FIRST, COUNT = 1000, 40
OFFSETS = st.integers(0, COUNT - 1)
ROUTE_CODES = st.integers(0, 3)


def routes() -> Routes:
    made = Routes()
    for carrier, routing_number in (("A", "0A"), ("B", ""), ("C", "0C")):
        made.code(carrier, routing_number)
    return made


def numbers_of(entries: dict[int, int]) -> tuple[np.ndarray, np.ndarray]:
    keys = sorted(entries)
    return np.array(keys, np.uint64) + FIRST, np.array([entries[key] for key in keys], np.uint16)


@st.composite
def cells(draw):
    """Intervals side by side, each with a code: first, last, code."""
    edges = sorted(draw(st.sets(st.integers(0, COUNT), min_size=2)))
    intervals = [(low, high - 1) for low, high in itertools.pairwise(edges) if draw(st.booleans())]
    first, last = (np.array([pair[end] for pair in intervals], np.uint64) + np.uint64(FIRST) for end in (0, 1))
    return first, last, np.array([draw(ROUTE_CODES) for _ in intervals], np.uint16)


@st.composite
def served(draw):
    number, code = numbers_of(draw(st.dictionaries(OFFSETS, st.integers(1, 3))))
    first, last, held = draw(cells())
    return Served(number, code, first[held > 0], last[held > 0], held[held > 0])


def model(of: Served) -> tuple[dict[int, int], dict[int, int]]:
    every = np.arange(FIRST, FIRST + COUNT, dtype=np.uint64)
    entries = dict(zip(of.number.tolist(), of.code.tolist(), strict=True))
    held = dict(zip(every.tolist(), of.range_codes_of(every).tolist(), strict=True))
    return entries, held


@given(before=served(), entries=st.dictionaries(OFFSETS, ROUTE_CODES), intervals=cells())
def test_what_is_served_afterwards_and_back_again(before, entries, intervals):
    number, code = numbers_of(entries)
    first, last, held = intervals
    none = np.zeros(len(number), np.uint16)
    cut_first, cut_last = split(first, last, np.concatenate([before.first, before.last + np.uint64(1)]))
    given_codes = codes_at(first, last, held, cut_first)
    found = Alterations.of(
        (number, before.codes_of(number), code, none),
        (cut_first, cut_last, before.range_codes_of(cut_first), given_codes),
    )
    after = found.applied_to(before)
    expected, expected_held = model(before)
    expected = {
        key: value for key, value in {**expected, **{FIRST + k: v for k, v in entries.items()}}.items() if value
    }
    for low, high, value in zip(first.tolist(), last.tolist(), held.tolist(), strict=True):
        expected_held |= dict.fromkeys(range(low, high + 1), value)
    assert model(after) == (expected, expected_held)
    refined = found.refined(after)
    assert (refined.codes_now(after) == refined.after).all()
    assert model(found.reversed().applied_to(after)) == model(before)


@given(entries=st.dictionaries(OFFSETS, ROUTE_CODES), intervals=cells(), data=st.data())
def test_an_image_gives_back_what_it_was_made_of(entries, intervals, data):
    number, code = numbers_of(entries)
    before = np.array([data.draw(ROUTE_CODES) for _ in number], np.uint16)
    first, last, held = intervals
    found = Alterations.of((number, before, code, np.zeros(len(number), np.uint16)), (first, last, held, held[::-1]))
    content = found.image(routes())
    again = Alterations.of_image(content, routes(), "here")
    for name in ("first", "last", "before", "after"):
        assert getattr(again, name).tolist() == getattr(found, name).tolist()


def test_a_damaged_image_is_refused():
    content = Alterations.of_numbers(*numbers_of({1: 1}), *[np.ones(1, np.uint16)] * 2).image(routes())
    for damaged in (b"", content[:-60], b"x" * 100):
        with pytest.raises(MigrationError, match="cannot be read"):
            Alterations.of_image(damaged, routes(), "piece 1")
