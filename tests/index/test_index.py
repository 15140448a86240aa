"""What an index answers. Every test here runs over the compiled index, on each instruction set, and over its twin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip import index
from portdip.errors import InvalidRangeError, OutOfOrderError, UnknownRouteError
from portdip.index import reference

from .images import NO_RANGES, build, differences, neighbourhoods, plans, questions, twin

ENTRY = 1 << 16
Make = Callable[..., Any]


@pytest.fixture(params=[*index.kernels(), "twin"])
def implementation(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "twin":
        yield reference
        return
    before = index.kernel()
    index.use_kernel(request.param)
    yield index
    index.use_kernel(before)


@pytest.fixture
def make(implementation: Any, tmp_path: Path) -> Make:
    return lambda entries, ranges=NO_RANGES: build(entries, ranges, tmp_path / "image", implementation)


class TestEntriesAndRanges:
    def test_an_empty_index_knows_no_number(self, make: Make) -> None:
        nothing = make({})
        assert len(nothing) == 0
        assert nothing[8613800138000] == 0
        assert 8613800138000 not in nothing

    def test_an_entry_is_found_and_its_neighbours_are_not(self, make: Make) -> None:
        one = make({8613800138000: 7})
        assert one[8613800138000] == 7
        assert 8613800138000 in one
        assert one[8613800137999] == one[8613800138001] == 0
        assert len(one) == 1

    def test_a_range_answers_for_all_its_numbers_and_no_other(self, make: Make) -> None:
        plan = make({}, [(8613800130000, 8613800139999, 3)])
        assert plan[8613800130000] == plan[8613800139999] == 3
        assert plan[8613800129999] == plan[8613800140000] == 0
        assert 8613800135555 not in plan

    def test_an_entry_wins_over_its_range_which_is_still_known(self, make: Make) -> None:
        ported = make({8613800135555: 9}, [(8613800130000, 8613800139999, 3)])
        assert ported[8613800135555] == 9
        assert ported.range_code(8613800135555) == 3
        assert ported.match(8613800135555) == 9 | ENTRY
        assert ported.match(8613800135556) == 3

    def test_an_entry_with_the_code_of_its_range_is_still_an_entry(self, make: Make) -> None:
        back = make({8613800135555: 3}, [(8613800130000, 8613800139999, 3)])
        assert back.match(8613800135555) == 3 | ENTRY

    def test_the_innermost_of_nested_ranges_decides(self, make: Make) -> None:
        plan = make({}, [(2000, 2999, 1), (2300, 2399, 2), (2340, 2345, 3)])
        assert [plan[number] for number in (2299, 2300, 2339, 2340, 2345, 2346, 2400)] == [1, 2, 2, 3, 3, 2, 1]

    def test_a_withdrawn_range_is_unallocated_inside_a_larger_one(self, make: Make) -> None:
        plan = make({8613800135: 9}, [(8613000000, 8613999999, 1), (8613800130, 8613800139, 0)])
        assert plan[8613800130] == plan[8613800139] == 0
        assert plan[8613800129] == plan[8613800140] == 1
        assert plan[8613800135] == 9
        assert plan.range_code(8613800135) == 0

    def test_numbers_of_different_lengths_live_side_by_side(self, make: Make) -> None:
        plan = make(
            {12345678: 1, 123456780: 2, 123456780000000: 3},
            [(10_000_000, 99_999_999, 4), (10**14, 10**15 - 1, 5)],
        )
        assert [plan[number] for number in (12345678, 12345679, 123456780, 123456781)] == [1, 4, 2, 0]
        assert [plan[number] for number in (123456780000000, 999_999_999_999_999)] == [3, 5]

    def test_what_is_no_number_has_no_code(self, make: Make) -> None:
        plan = make({1: 1, 10**15 - 1: 2}, [(1, 9, 3), (10**14, 10**15 - 1, 4)])
        assert [plan[number] for number in (0, 1, 10**15 - 1, 10**15, 2**63, 2**64 - 1)] == [0, 1, 2, 0, 0, 0]

    def test_all_codes_can_be_used(self, make: Make) -> None:
        entries = {8613800000000 + step: 1 + step for step in range(65_534)}
        full = make(entries)
        numbers = np.array(list(entries), dtype=np.uint64)
        np.testing.assert_array_equal(full.find_many(numbers), np.array(list(entries.values()), dtype=np.uint16))

    @pytest.mark.parametrize("threads", [1, 2, 5])
    def test_a_batch_answers_as_single_questions_do_in_order(self, make: Make, threads: int) -> None:
        plan = make(
            {8613800130000 + 3 * step: 1 + step % 5 for step in range(3000)}, [(8613800130000, 8613800139999, 9)]
        )
        numbers = np.random.default_rng().integers(8613800125000, 8613800145000, 100_000, dtype=np.uint64)
        codes = plan.find_many(numbers, threads=threads)
        assert codes.dtype == np.uint16
        assert codes[:1000].tolist() == [plan[number] for number in numbers[:1000].tolist()]
        np.testing.assert_array_equal(plan.match_many(numbers, threads=threads).astype(np.uint16), codes)

    def test_a_batch_fills_the_array_it_is_given(self, make: Make) -> None:
        plan = make({8613800130000: 7})
        out = np.zeros(2, dtype=np.uint16)
        assert plan.find_many(np.array([8613800130000, 5], dtype=np.uint64), out=out) is out
        assert out.tolist() == [7, 0]

    @pytest.mark.parametrize("count", [0, 1, 23, 24, 25, 47, 48, 49, 191, 192, 193, 239, 240, 241, 500])
    def test_a_batch_of_any_length_is_answered_to_its_end(self, make: Make, count: int) -> None:
        plan = make({8613800130000 + step: 1 + step % 50 for step in range(0, 1000, 2)})
        numbers = np.arange(8613800130000, 8613800130000 + count, dtype=np.uint64)
        assert plan.find_many(numbers).tolist() == [plan[number] for number in numbers.tolist()]


class TestRefusals:
    @pytest.mark.parametrize("numbers", [[20, 10], [10, 10], [0, 10], [10, 10**15]])
    def test_numbers_must_increase_and_have_1_to_15_digits(
        self, implementation: Any, tmp_path: Path, numbers: list[int]
    ) -> None:
        columns = np.array(numbers, dtype=np.uint64), np.array([1, 1], dtype=np.uint16)
        with pytest.raises(OutOfOrderError, match="row"):
            implementation.build(*columns, NO_RANGES, tmp_path / "image")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("code", [0, 65_535])
    def test_codes_must_be_of_routes(self, implementation: Any, tmp_path: Path, code: int) -> None:
        columns = np.array([10, 20], dtype=np.uint64), np.array([1, code], dtype=np.uint16)
        with pytest.raises(UnknownRouteError, match="row 1"):
            implementation.build(*columns, NO_RANGES, tmp_path / "image")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        "ranges",
        [
            [(20, 10, 1)],
            [(90, 110, 1)],
            [(0, 9, 1)],
            [(10, 10**15, 1)],
            [(10, 19, 65_535)],
            [(10, 29, 1), (20, 39, 2)],
            [(10, 19, 1), (10, 19, 2)],
        ],
    )
    def test_ranges_that_are_none_or_contradict_each_other(
        self, implementation: Any, tmp_path: Path, ranges: list[tuple[int, int, int]]
    ) -> None:
        with pytest.raises(InvalidRangeError):
            build({}, ranges, tmp_path / "image", implementation)
        assert list(tmp_path.iterdir()) == []


class TestAgainstTheTwin:
    @given(neighbourhoods(), neighbourhoods(), plans(), st.sampled_from(index.kernels()), st.booleans())
    def test_any_entries_and_ranges_are_answered_as_the_twin_does(
        self,
        tmp_path_factory: pytest.TempPathFactory,
        entries: dict[int, int],
        more: dict[int, int],
        ranges: list[tuple[int, int, int]],
        kernel: str,
        resident: bool,
    ) -> None:
        entries = entries | more
        path = tmp_path_factory.mktemp("twin") / "image"
        build(entries, ranges, path)
        before = index.kernel()
        index.use_kernel(kernel)
        try:
            compiled = index.Index.open(path, resident=resident)
            assert list(differences(compiled, twin(entries, ranges), questions(entries, ranges)[:3000])) == []
        finally:
            index.use_kernel(before)


def test_a_batch_wants_numbers_as_uint64(tmp_path: Path) -> None:
    compiled = build({10: 1}, NO_RANGES, tmp_path / "image")
    with pytest.raises(TypeError, match="uint64"):
        compiled.find_many(np.array([10], dtype=np.int64))
    with pytest.raises(TypeError, match="contiguous uint16"):
        compiled.find_many(np.array([10], dtype=np.uint64), out=np.zeros(2, dtype=np.uint16))


def test_a_number_must_be_an_integer(tmp_path: Path) -> None:
    compiled = build({10: 1}, NO_RANGES, tmp_path / "image")
    for wrong in ("10", 10.0, None):
        with pytest.raises(TypeError):
            compiled[wrong]


def test_negative_and_huge_integers_have_no_code(tmp_path: Path) -> None:
    compiled = build({10: 1}, NO_RANGES, tmp_path / "image")
    assert compiled[-1] == compiled[2**64 + 10] == 0


def test_an_unknown_kernel_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="portable"):
        index.use_kernel("mmx")
