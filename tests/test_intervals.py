"""Nested ranges become disjoint ones that give every number the code of the innermost."""

from __future__ import annotations

from hypothesis import given

from portdip.intervals import flatten
from tests.index.images import plans, questions, twin


@given(plans())
def test_flattened_ranges_are_disjoint_and_say_the_same(ranges: list[tuple[int, int, int]]) -> None:
    first, last, code = (column.tolist() for column in flatten(ranges))
    assert all(before < after for before, after in zip(last, first[1:], strict=False))
    assert 0 not in code
    flat = twin({}, list(zip(first, last, code, strict=True)))
    nested = twin({}, ranges)
    for number in questions({}, ranges):
        assert flat.range_code(number) == nested.range_code(number)


def test_neighbours_of_one_code_join_but_not_across_lengths() -> None:
    first, last, code = flatten([(90, 94, 1), (95, 99, 1), (100, 199, 1)])
    assert list(zip(first.tolist(), last.tolist(), code.tolist(), strict=True)) == [(90, 99, 1), (100, 199, 1)]


def test_the_same_range_twice_with_one_code_is_no_contradiction() -> None:
    first, _, _ = flatten([(10, 19, 1), (10, 19, 1)])
    assert first.tolist() == [10]
