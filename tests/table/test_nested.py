"""Ranges assigned over a plan, against a list that is scanned."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip.intervals import flatten
from portdip.table.nested import Nest, assign, differences, move, said

NUMBERS = range(100, 160)


def nest_of(ranges):
    """A nest of (first, last, code) tuples, in its order."""
    ranges = sorted(ranges, key=lambda one: (one[0], -one[1]))
    columns = np.array(ranges, dtype=np.uint64).reshape(-1, 3).T
    return Nest(columns[0], columns[1], columns[2].astype(np.uint16))


def ranges_of(nest):
    return list(zip(*(column.tolist() for column in nest), strict=True))


def answers(ranges):
    """The code of every number: that of the innermost range."""
    around = {number: [one for one in ranges if one[0] <= number <= one[1]] for number in NUMBERS}
    return {number: min(holders, key=lambda one: one[1] - one[0])[2] for number, holders in around.items() if holders}


def spread(first, last, code):
    return {
        number: given
        for begin, end, given in zip(first.tolist(), last.tolist(), code.tolist(), strict=True)
        for number in range(begin, end + 1)
    }


@st.composite
def intervals(draw):
    first = draw(st.sampled_from(NUMBERS))
    return first, min(first + draw(st.integers(0, 30)), NUMBERS[-1])


@st.composite
def plans(draw):
    """Ranges that are nested or apart, each interval once."""
    ranges = []
    for first, last in draw(st.lists(intervals(), max_size=8, unique=True)):
        crossed = [begin < first <= end < last or first < begin <= last < end for begin, end, _ in ranges]
        if not any(crossed):
            ranges.append((first, last, draw(st.integers(0, 4))))
    return ranges


changes = st.lists(st.tuples(intervals(), st.integers(0, 4)).map(lambda drawn: (*drawn[0], drawn[1])), max_size=8)


@given(plans(), changes)
def test_an_assigned_range_takes_its_numbers_and_no_others(plan, added):
    expected = dict.fromkeys(NUMBERS, 0) | answers(plan)
    for first, last, code in added:
        expected |= dict.fromkeys(range(first, last + 1), code)
    after = assign(nest_of(plan), added)
    flatten(np.column_stack([column.astype(np.uint64) for column in after]))  # nothing crosses, no interval is twice
    assert dict.fromkeys(NUMBERS, 0) | answers(ranges_of(after)) == expected


@given(plans(), changes, changes)
def test_it_makes_no_difference_how_many_are_assigned_at_once(plan, some, more):
    nest = nest_of(plan)
    assert ranges_of(assign(assign(nest, some), more)) == ranges_of(assign(nest, some + more))


@pytest.mark.parametrize(
    ("assigned", "expected"),
    [
        ((120, 129, 7), [(100, 159, 1), (110, 139, 2), (120, 129, 7)]),
        ((110, 139, 7), [(100, 159, 1), (110, 139, 7)]),
        ((105, 119, 7), [(100, 159, 1), (105, 119, 7), (120, 139, 2), (120, 124, 3)]),
        ((122, 139, 7), [(100, 159, 1), (110, 139, 2), (120, 121, 3), (122, 139, 7)]),
        ((100, 159, 0), [(100, 159, 0)]),
    ],
)
def test_ranges_around_stay_and_those_inside_go(assigned, expected):
    plan = nest_of([(100, 159, 1), (110, 139, 2), (120, 124, 3)])
    assert ranges_of(assign(plan, [assigned])) == expected


def test_of_two_ranges_cut_to_one_interval_the_inner_one_stays():
    assert ranges_of(assign(nest_of([(100, 130, 1), (100, 125, 2)]), [(120, 140, 3)])) == [(100, 119, 2), (120, 140, 3)]


@given(plans(), intervals(), st.permutations([1, 2, 3, 4]))
def test_a_mass_change_changes_the_codes_of_its_interval(plan, interval, targets):
    codes = np.arange(1 << 16, dtype=np.uint16)
    codes[1:5] = targets
    expected = answers(plan)
    for number in range(interval[0], interval[1] + 1):
        if number in expected:
            expected[number] = int(codes[expected[number]])
    after = move(nest_of(plan), *interval, codes)
    assert {number: code for number, code in answers(ranges_of(after)).items() if code} == {
        number: code for number, code in expected.items() if code
    }


def test_a_mass_change_of_everything_leaves_the_nesting():
    codes = np.arange(1 << 16, dtype=np.uint16)
    codes[1] = 9
    plan = [(100, 159, 1), (110, 139, 2), (120, 124, 1)]
    assert ranges_of(move(nest_of(plan), 1, 10**15 - 1, codes)) == [(100, 159, 9), (110, 139, 2), (120, 124, 9)]


@given(plans(), plans())
def test_the_differences_of_two_plans(one, other):
    before, after = (dict.fromkeys(NUMBERS, 0) | answers(plan) for plan in (one, other))
    first, last = differences(nest_of(one), nest_of(other))
    assert all(end + 1 < begin for end, begin in zip(last.tolist(), first.tolist()[1:], strict=False))
    found = spread(first, last, np.zeros(len(first)))
    assert found.keys() == {number for number in NUMBERS if before[number] != after[number]}


@given(plans(), st.lists(intervals(), max_size=4))
def test_what_a_plan_says_of_some_intervals(plan, asked):
    first, last = (np.array([one[end] for one in asked], dtype=np.uint64) for end in (0, 1))
    numbers = {number for begin, end in asked for number in range(begin, end + 1)}
    expected = dict.fromkeys(NUMBERS, 0) | answers(plan)
    assert spread(*said(nest_of(plan), first, last)) == {number: expected[number] for number in numbers}
