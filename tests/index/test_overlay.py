"""What an overlay holds, in whatever order it came."""

from __future__ import annotations

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip import index
from portdip.errors import InvalidNumberError, InvalidRangeError, UnknownRouteError
from portdip.index import Overlay, reference

from .changes import SHIFT, added, contents, facts, mapping, same

NUMBERS = np.array([20, 10], dtype=np.uint64)
CODES = np.array([1, 2], dtype=np.uint16)
ORDINALS = np.array([1, 1], dtype=np.uint32)


@pytest.fixture(params=[index, reference], ids=["compiled", "twin"])
def empty(request: pytest.FixtureRequest) -> Any:
    return request.param.Overlay()


class TestEntries:
    def test_an_empty_overlay_holds_nothing(self, empty: Any) -> None:
        assert contents(empty) == ([], [], [])
        assert len(empty) == 0

    def test_the_highest_ordinal_counts_whatever_the_order(self, empty: Any) -> None:
        first, second = ("entry", 8613800138000, 7, 5), ("entry", 8613800138000, 9, 6)
        for order in ([first, second], [second, first]):
            one_call = added(empty, order)
            two_calls = added(added(empty, order[:1]), order[1:])
            assert contents(one_call) == contents(two_calls) == ([(8613800138000, 9, 6)], [], [])

    def test_of_one_ordinal_the_higher_code_counts(self, empty: Any) -> None:
        assert contents(added(empty, [("entry", 10, 0, 5), ("entry", 10, 7, 5)]))[0] == [(10, 7, 5)]
        assert contents(added(empty, [("entry", 10, 7, 5), ("entry", 10, 0, 5)]))[0] == [(10, 7, 5)]

    def test_entries_come_by_number_and_released_ones_are_among_them(self, empty: Any) -> None:
        some = added(empty, [("entry", 30, 7, 1), ("entry", 10, 0, 2), ("entry", 20, 65_534, 2**32 - 1)])
        assert contents(some)[0] == [(10, 0, 2), (20, 65_534, 2**32 - 1), (30, 7, 1)]
        assert [column.dtype for column in some.entries()] == [np.uint64, np.uint16, np.uint32]
        assert sorted(some.numbers().tolist()) == [10, 20, 30]
        assert len(some) == 3

    def test_an_overlay_stays_as_it_was_when_another_grows_from_it(self, empty: Any) -> None:
        one = added(empty, [("entry", 10, 1, 1), ("range", 100, 199, 1, 1), ("rule", 1, 0, 5, None)])
        before = contents(one)
        added(one, [("entry", 10, 2, 2), ("entry", 11, 2, 2), ("range", 150, 160, 2, 2), ("rule", 2, 0, 5, SHIFT)])
        assert contents(one) == before
        assert contents(empty) == ([], [], [])


class TestRanges:
    def test_ranges_become_disjoint_the_latest_on_top(self, empty: Any) -> None:
        some = added(empty, [("range", 150, 159, 2, 2), ("range", 100, 199, 1, 1), ("range", 155, 170, 3, 1)])
        assert contents(some)[1] == [(100, 149, 1, 1), (150, 159, 2, 2), (160, 170, 3, 1), (171, 199, 1, 1)]
        assert [column.dtype for column in some.ranges()] == [np.uint64, np.uint64, np.uint16, np.uint32]

    def test_a_withdrawn_range_is_held_by_nobody_until_a_later_one(self, empty: Any) -> None:
        withdrawn = added(empty, [("range", 100, 199, 1, 1), ("range", 120, 129, 0, 3)])
        assert (120, 129, 0, 3) in contents(withdrawn)[1]
        assert contents(added(withdrawn, [("range", 110, 139, 4, 4)]))[1][1] == (110, 139, 4, 4)

    def test_neighbours_of_one_code_and_ordinal_join_but_not_across_lengths(self, empty: Any) -> None:
        some = added(empty, [("range", 90, 94, 1, 1), ("range", 95, 99, 1, 1), ("range", 100, 199, 1, 1)])
        assert contents(some)[1] == [(90, 99, 1, 1), (100, 199, 1, 1)]
        assert len(contents(added(empty, [("range", 10, 14, 1, 1), ("range", 15, 19, 1, 2)]))[1]) == 2


class TestRules:
    def test_rules_come_by_ordinal(self, empty: Any) -> None:
        some = empty.with_rule(9, 100, 199, None).with_rule(4, 0, 2**64 - 1, SHIFT)
        assert [rule[:3] for rule in some.rules] == [(4, 0, 2**64 - 1), (9, 100, 199)]
        np.testing.assert_array_equal(some.rules[0][3], SHIFT)
        assert some.rules[1][3] is None

    def test_the_same_rule_again_changes_nothing(self, empty: Any) -> None:
        for codes in (None, SHIFT):
            one = empty.with_rule(4, 100, 199, codes)
            assert same(one.with_rule(4, 100, 199, codes), one)

    def test_two_rules_have_no_order_if_they_have_one_ordinal(self, empty: Any) -> None:
        one = empty.with_rule(4, 100, 199, SHIFT)
        for other in ((100, 198, SHIFT), (100, 199, None), (100, 199, mapping(c1=2))):
            with pytest.raises(ValueError, match="ordinal 4"):
                one.with_rule(4, *other)

    def test_a_map_is_copied(self, empty: Any) -> None:
        codes = mapping(c1=2)
        some = empty.with_rule(4, 100, 199, codes)
        codes[1] = 3
        assert some.rules[0][3][1] == 2


class TestRefusals:
    @pytest.mark.parametrize("number", [0, 10**15, 2**64 - 1])
    def test_entries_are_of_numbers(self, empty: Any, number: int) -> None:
        with pytest.raises(InvalidNumberError, match="row 1"):
            empty.with_entries(np.array([10, number], dtype=np.uint64), CODES, ORDINALS)

    def test_codes_are_of_routes_or_nobody(self, empty: Any) -> None:
        wrong = np.array([1, 65_535], dtype=np.uint16)
        with pytest.raises(UnknownRouteError, match="row 1"):
            empty.with_entries(NUMBERS, wrong, ORDINALS)
        with pytest.raises(UnknownRouteError, match="row 1"):
            empty.with_ranges(NUMBERS, NUMBERS, wrong, ORDINALS)

    def test_ordinals_start_at_1(self, empty: Any) -> None:
        with pytest.raises(ValueError, match="row 1"):
            empty.with_entries(NUMBERS, CODES, np.array([1, 0], dtype=np.uint32))

    @pytest.mark.parametrize(("first", "last"), [(20, 19), (90, 100), (0, 9), (10**15, 10**15)])
    def test_ranges_are_of_numbers_of_one_length(self, empty: Any, first: int, last: int) -> None:
        with pytest.raises(InvalidRangeError, match="range 1"):
            added(empty, [("range", 100, 199, 1, 1), ("range", first, last, 1, 1)])

    def test_rules_are_of_an_interval(self, empty: Any) -> None:
        for first, last in ((20, 19), (0, 2**64), (-1, 5)):
            with pytest.raises(InvalidRangeError):
                empty.with_rule(1, first, last, None)

    @pytest.mark.parametrize(("code", "became"), [(0, 1), (5, 0), (5, 65_535), (65_534, 0)])
    def test_a_map_takes_no_code_away_and_makes_none_up(self, empty: Any, code: int, became: int) -> None:
        codes = mapping()
        codes[code] = became
        with pytest.raises(UnknownRouteError):
            empty.with_rule(1, 100, 199, codes)


@pytest.mark.parametrize(
    ("columns", "error"),
    [
        ((NUMBERS.astype(np.int64), CODES, ORDINALS), TypeError),
        ((NUMBERS, CODES.astype(np.uint32), ORDINALS), TypeError),
        ((NUMBERS, CODES, ORDINALS.astype(np.uint64)), TypeError),
        ((NUMBERS.reshape(1, 2), CODES, ORDINALS), TypeError),
        ((NUMBERS, CODES[:1], ORDINALS), ValueError),
        ((NUMBERS, CODES, ORDINALS[:1]), ValueError),
    ],
)
def test_arrays_of_another_kind_or_length_are_refused(columns: tuple[Any, ...], error: type[Exception]) -> None:
    with pytest.raises(error, match="expected"):
        Overlay().with_entries(*columns)
    with pytest.raises(error, match="expected"):
        Overlay().with_ranges(columns[0], *columns)


@pytest.mark.parametrize("codes", [SHIFT[:-1], SHIFT.astype(np.int32), SHIFT.tolist()])
def test_a_map_is_an_array_of_all_codes(codes: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="expected"):
        Overlay().with_rule(1, 100, 199, codes)


@given(facts(), st.randoms(use_true_random=False), st.integers(1, 5))
def test_any_facts_in_any_order_and_parts_make_one_overlay(drawn: list[Any], random: Any, parts: int) -> None:
    twin = added(reference.Overlay(), drawn)
    at_once = added(Overlay(), drawn)
    random.shuffle(drawn)
    in_parts = Overlay()
    for part in range(parts):
        in_parts = added(in_parts, drawn[part::parts])
    again = added(in_parts, drawn)
    assert contents(at_once) == contents(in_parts) == contents(again) == contents(twin)
    assert len(at_once) == len(in_parts) == len(again) == len(twin)


def latest(numbers: Any, codes: Any, ordinals: Any) -> tuple[Any, Any, Any]:
    """The same by sorting."""
    order = np.lexsort((codes, ordinals, numbers))
    numbers, codes, ordinals = numbers[order], codes[order], ordinals[order]
    last = np.append(numbers[1:] != numbers[:-1], True)
    return numbers[last], codes[last], ordinals[last]


@pytest.mark.parametrize("shape", ["scattered", "one after the other", "in thousands", "few, again and again"])
@pytest.mark.parametrize("parts", [1, 7, 100])
def test_many_entries_of_any_distribution_are_kept(seed: int, shape: str, parts: int) -> None:
    random, count = np.random.default_rng(seed), 60_000
    numbers: npt.NDArray[np.uint64] = {
        "scattered": random.integers(1, 10**15, count, dtype=np.uint64),
        "one after the other": np.arange(8613800000000, 8613800000000 + count, dtype=np.uint64),
        "in thousands": np.arange(8613000000000, 8613000000000 + 1000 * count, 1000, dtype=np.uint64),
        "few, again and again": random.integers(1, 300, count, dtype=np.uint64),
    }[shape]
    codes = random.integers(0, 65_535, count).astype(np.uint16)
    ordinals = random.integers(1, 100, count).astype(np.uint32)
    overlay = Overlay()
    for part in range(parts):
        overlay = overlay.with_entries(numbers[part::parts], codes[part::parts], ordinals[part::parts])
    for one, other in zip(overlay.entries(), latest(numbers, codes, ordinals), strict=True):
        np.testing.assert_array_equal(one, other)


def test_entries_take_little_memory_and_versions_share_it(seed: int) -> None:
    random = np.random.default_rng(seed)
    codes, ordinals = np.ones(200_000, dtype=np.uint16), np.ones(200_000, dtype=np.uint32)
    tracemalloc.start()
    try:
        large = Overlay().with_entries(random.integers(1, 10**15, 200_000, dtype=np.uint64), codes, ordinals)
        used = tracemalloc.get_traced_memory()[0]
        assert used <= large.nbytes + 20_000
        assert large.nbytes <= 40 * len(large)
        few = random.integers(1, 10**15, 20, dtype=np.uint64)
        versions = [large]
        for _ in range(10):
            versions.append(versions[-1].with_entries(few, codes[:20], ordinals[:20]))
        assert tracemalloc.get_traced_memory()[0] < used + 10 * 0.3 * used
        del versions[1:]
        assert tracemalloc.get_traced_memory()[0] < used + 20_000
        del large, versions
        assert tracemalloc.get_traced_memory()[0] < 50_000
    finally:
        tracemalloc.stop()


def test_versions_may_be_made_and_dropped_in_many_threads(seed: int) -> None:
    random = np.random.default_rng(seed)
    numbers = random.integers(1, 10**15, 20_000, dtype=np.uint64)
    ones = np.ones(20_000, dtype=np.uint32)
    root = Overlay().with_entries(numbers, ones.astype(np.uint16), ones)

    def grow(thread: int) -> Overlay:
        grown = root
        for step in range(30):
            grown = grown.with_entries(
                numbers[step::30], np.full(len(numbers[step::30]), thread, dtype=np.uint16), 2 * ones[step::30]
            )
        return grown

    with ThreadPoolExecutor(6) as pool:
        for thread, grown in enumerate(pool.map(grow, range(2, 8)), start=2):
            assert set(grown.entries()[1].tolist()) == {thread}
    assert set(root.entries()[1].tolist()) == {1}
