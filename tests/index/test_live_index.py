"""What a base index and an overlay answer together. Most tests run over each instruction set, and over the twin."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip import index
from portdip.errors import DamagedImageError
from portdip.index import Index, LiveIndex, Overlay, image, reference

from .changes import SHIFT, added, facts, mapping, numbers_of
from .images import NO_RANGES, build, differences, neighbourhoods, plans, questions, twin

ENTRY = 1 << 16
RANGE = (8613800130000, 8613800139999)
PORTED, NATIVE = 8613800135555, 8613800135556
BASE: tuple[dict[int, int], list[tuple[int, int, int]]] = ({PORTED: 9}, [(*RANGE, 3)])
Change = Callable[..., Any]


@pytest.fixture
def changed(implementation: Any, tmp_path: Path) -> Change:
    """A live index of BASE and the facts given."""
    base = build(*BASE, tmp_path / "image", implementation)
    return lambda *facts: implementation.LiveIndex(base, added(implementation.Overlay(), list(facts)))


class TestEntries:
    def test_without_changes_the_base_answers(self, changed: Change) -> None:
        live = changed()
        assert (live[PORTED], live[NATIVE], live[1]) == (9, 3, 0)
        assert PORTED in live
        assert NATIVE not in live
        assert len(live) == 1

    def test_an_entry_wins_over_the_base_and_over_the_range(self, changed: Change) -> None:
        live = changed(("entry", PORTED, 8, 1), ("entry", NATIVE, 7, 1))
        assert (live.match(PORTED), live.match(NATIVE)) == (8 | ENTRY, 7 | ENTRY)
        assert live.range_code(PORTED) == live.range_code(NATIVE) == 3
        assert len(live) == 2

    def test_a_released_number_is_its_range_s_again(self, changed: Change) -> None:
        live = changed(("entry", PORTED, 0, 1), ("entry", NATIVE, 0, 1))
        assert live.match(PORTED) == live.match(NATIVE) == 3
        assert PORTED not in live
        assert len(live) == 0

    def test_an_entry_after_a_release_counts(self, changed: Change) -> None:
        live = changed(("entry", PORTED, 0, 1), ("entry", PORTED, 8, 2))
        assert live.match(PORTED) == 8 | ENTRY

    def test_what_is_no_number_has_no_code(self, changed: Change) -> None:
        live = changed(("entry", 1, 5, 1), ("range", 10**14, 10**15 - 1, 4, 1), ("rule", 2, 0, 2**64 - 1, SHIFT))
        assert [live[number] for number in (0, 1, 10**15 - 1, 10**15, 2**63, 2**64 - 1)] == [0, 6, 5, 0, 0, 0]


class TestRanges:
    def test_a_range_answers_for_all_its_numbers_but_the_ported_ones(self, changed: Change) -> None:
        live = changed(("range", 8613800135550, 8613800135559, 6, 1))
        assert (live.match(PORTED), live.match(NATIVE)) == (9 | ENTRY, 6)
        assert live.range_code(PORTED) == 6
        assert (live[8613800135549], live[8613800135560]) == (3, 3)

    def test_the_latest_range_counts_not_the_innermost(self, changed: Change) -> None:
        live = changed(("range", 8613800135550, 8613800135559, 6, 1), ("range", *RANGE, 7, 2))
        assert live[NATIVE] == 7

    def test_a_withdrawn_range_is_nobody_s(self, changed: Change) -> None:
        live = changed(("range", *RANGE, 0, 1))
        assert (live[PORTED], live[NATIVE], live.range_code(PORTED)) == (9, 0, 0)

    def test_a_released_number_is_its_new_range_s(self, changed: Change) -> None:
        live = changed(("range", *RANGE, 6, 1), ("entry", PORTED, 0, 2))
        assert live.match(PORTED) == 6


class TestRules:
    def test_a_mass_change_moves_every_number_the_route_serves(self, changed: Change) -> None:
        live = changed(("rule", 1, 0, 2**64 - 1, mapping(c9=5, c3=4)))
        assert (live.match(PORTED), live.match(NATIVE)) == (5 | ENTRY, 4)
        assert live.range_code(PORTED) == 4
        assert live[1] == 0

    def test_a_rule_changes_what_is_older_and_nothing_newer(self, changed: Change) -> None:
        older = changed(("entry", NATIVE, 9, 4), ("range", *RANGE, 9, 4), ("rule", 5, 0, 2**64 - 1, mapping(c9=5)))
        newer = changed(("entry", NATIVE, 9, 5), ("range", *RANGE, 9, 5), ("rule", 5, 0, 2**64 - 1, mapping(c9=5)))
        assert (older[NATIVE], older.range_code(NATIVE)) == (5, 5)
        assert (newer[NATIVE], newer.range_code(NATIVE)) == (9, 9)

    def test_rules_follow_each_other_by_ordinal(self, changed: Change) -> None:
        rules = ("rule", 2, 0, 2**64 - 1, mapping(c5=6)), ("rule", 1, 0, 2**64 - 1, mapping(c9=5))
        assert changed(*rules)[PORTED] == 6
        assert changed(*rules[::-1])[PORTED] == 6
        assert changed(("entry", NATIVE, 9, 1), *rules)[NATIVE] == 9

    def test_a_rule_stays_in_its_interval(self, changed: Change) -> None:
        live = changed(("rule", 1, 8613800135550, 8613800135555, mapping(c9=5, c3=4)))
        assert (live[PORTED], live[NATIVE], live[8613800135550], live[8613800135549]) == (5, 3, 4, 3)

    def test_a_rule_leaves_released_numbers_and_withdrawn_ranges_alone(self, changed: Change) -> None:
        live = changed(("entry", PORTED, 0, 1), ("range", *RANGE, 0, 1), ("rule", 2, 0, 2**64 - 1, SHIFT))
        assert live[PORTED] == live[NATIVE] == 0

    def test_a_release_takes_older_entries_away_and_leaves_ranges(self, changed: Change) -> None:
        live = changed(("entry", NATIVE, 7, 3), ("entry", 8613800135557, 8, 5), ("rule", 4, *RANGE, None))
        assert (live.match(PORTED), live.match(NATIVE), live.match(8613800135557)) == (3, 3, 8 | ENTRY)
        assert len(live) == 1

    def test_a_mass_change_after_a_release_changes_the_range(self, changed: Change) -> None:
        live = changed(("rule", 1, *RANGE, None), ("rule", 2, 0, 2**64 - 1, mapping(c9=5, c3=4)))
        assert live.match(PORTED) == 4


class TestCounting:
    def test_numbers_of_overlapping_releases_are_counted_once(self, implementation: Any, tmp_path: Path) -> None:
        entries = {8613800130000 + step: 1 for step in range(0, 20_000, 3)}
        base = build(entries, NO_RANGES, tmp_path / "image", implementation)
        changes = [
            ("rule", 5, 8613800131000, 8613800133000, None),
            ("rule", 6, 8613800132000, 8613800142000, None),
            ("rule", 7, 8613800132500, 8613800132600, None),
            ("entry", 8613800131200, 2, 4),
            ("entry", 8613800131201, 2, 7),
            ("entry", 8613800149998, 0, 7),
            ("entry", 8613800149995, 2, 7),
        ]
        live = implementation.LiveIndex(base, added(implementation.Overlay(), changes))
        left = {number for number in entries if not 8613800131000 <= number <= 8613800142000}
        assert len(live) == len(left | {8613800131201} - {8613800149998}) - 1


class TestBatches:
    @pytest.mark.parametrize("threads", [1, 2, 5])
    @pytest.mark.parametrize("wide", [True, False])
    def test_a_batch_answers_as_single_questions_do_in_order(self, changed: Change, threads: int, wide: bool) -> None:
        numbers = np.random.default_rng().integers(8613800129000, 8613800141000, 100_000, dtype=np.uint64)
        spots = np.random.default_rng().integers(8613800129000, 8613800141000, 2_000).tolist()
        entries = [("entry", number, number % 5, 1 + number % 7) for number in spots]
        ranges = [("range", number, number + 9, number % 4, 1 + number % 7) for number in spots[:30]]
        for more in ([], ranges, [("rule", 3, *RANGE, SHIFT), ("rule", 5, 8613800130000, 8613800132000, None)]):
            live = changed(*entries, *more)
            answers = (live.match_many if wide else live.find_many)(numbers, threads=threads)
            assert answers.dtype == (np.uint32 if wide else np.uint16)
            single = live.match if wide else live.__getitem__
            assert answers[:1000].tolist() == [single(number) for number in numbers[:1000].tolist()]
            np.testing.assert_array_equal(answers.astype(np.uint16), live.match_many(numbers).astype(np.uint16))

    @pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 255, 256, 257, 511, 512, 513, 1000])
    def test_a_batch_of_any_length_is_answered_to_its_end(self, changed: Change, count: int) -> None:
        numbers = np.arange(RANGE[0], RANGE[0] + count, dtype=np.uint64)
        entries = [("entry", RANGE[0] + step, step % 50, 1) for step in range(0, 1000, 2)]
        for more in ([], [("range", *RANGE, 77, 1)]):
            live = changed(*entries, *more)
            assert live.find_many(numbers).tolist() == [live[number] for number in numbers.tolist()]

    def test_a_batch_fills_the_array_it_is_given(self, changed: Change) -> None:
        live, out = changed(("entry", NATIVE, 7, 1)), np.zeros(2, dtype=np.uint16)
        assert live.find_many(np.array([NATIVE, 5], dtype=np.uint64), out=out) is out
        assert out.tolist() == [7, 0]


@given(neighbourhoods(), plans(), facts(), st.sampled_from(index.kernels()), st.booleans())
def test_any_changes_are_answered_as_the_twin_does(
    tmp_path_factory: pytest.TempPathFactory,
    entries: dict[int, int],
    ranges: list[tuple[int, int, int]],
    changes: list[Any],
    kernel: str,
    resident: bool,
) -> None:
    path = tmp_path_factory.mktemp("live") / "image"
    build(entries, ranges, path)
    before = index.kernel()
    index.use_kernel(kernel)
    try:
        live = LiveIndex(Index.open(path, resident=resident), added(Overlay(), changes))
        plain = reference.LiveIndex(twin(entries, ranges), added(reference.Overlay(), changes))
        asked = numbers_of(changes) + questions(entries, ranges)[:1000]
        assert list(differences(live, plain, asked)) == []
    finally:
        index.use_kernel(before)


def test_a_batch_wants_the_arrays_that_an_index_wants(tmp_path: Path) -> None:
    live = LiveIndex(build(*BASE, tmp_path / "image"), added(Overlay(), [("entry", NATIVE, 7, 1)]))
    with pytest.raises(TypeError, match="uint64"):
        live.find_many(np.array([10], dtype=np.int64))
    with pytest.raises(TypeError, match="contiguous uint16"):
        live.find_many(np.array([10], dtype=np.uint64), out=np.zeros(2, dtype=np.uint16))
    with pytest.raises(TypeError, match="contiguous uint32"):
        live.match_many(np.array([10], dtype=np.uint64), out=np.zeros(1, dtype=np.uint16))


def test_a_number_must_be_an_integer_of_any_size(tmp_path: Path) -> None:
    live = LiveIndex(build(*BASE, tmp_path / "image"), added(Overlay(), [("entry", NATIVE, 7, 1)]))
    for wrong in ("10", 10.0, None):
        with pytest.raises(TypeError):
            live[wrong]
    assert live[-1] == live[2**64 + NATIVE] == 0
    assert live[np.uint64(NATIVE)] == 7


def test_base_and_overlay_are_asked_for_together_and_kept(tmp_path: Path) -> None:
    base, overlay = build(*BASE, tmp_path / "image"), added(Overlay(), [("entry", NATIVE, 7, 1)])
    live = LiveIndex(base, overlay)
    assert live.base is base
    assert live.overlay is overlay
    assert live.nbytes == base.nbytes + overlay.nbytes
    for wrong in ((None, overlay), (base, None), (overlay, base)):
        with pytest.raises(TypeError):
            LiveIndex(*wrong)


def damaged(path: Path) -> Index:
    """An index whose first page of lines fails its checksum."""
    with open(path, "r+b") as file:
        file.seek(image.HEADER_BYTES + 100)
        file.write(b"\xff\x00\xff")
    return Index.open(path)


def test_a_damaged_page_is_an_error_for_changed_numbers_too(tmp_path: Path) -> None:
    build({RANGE[0] + step: 1 for step in range(0, 9_999, 2)}, NO_RANGES, tmp_path / "image")
    base = damaged(tmp_path / "image")
    numbers = np.arange(*RANGE, dtype=np.uint64)
    released = [("entry", RANGE[0] + step, 0, 1) for step in range(9_999)]
    for changes in (released, [*released, ("range", *RANGE, 5, 1)], [("rule", 1, *RANGE, None)]):
        live = LiveIndex(base, added(Overlay(), changes))
        for ask in (live.find_many, live.match_many):
            with pytest.raises(DamagedImageError, match="page 0"):
                ask(numbers)
        with pytest.raises(DamagedImageError, match="page 0"):
            live[RANGE[0]]


def test_readers_see_one_generation_while_another_is_made(tmp_path: Path, seed: int) -> None:
    """Each generation gives one code to all its numbers; no reader sees two at once."""
    base = build(*BASE, tmp_path / "image")
    numbers = np.random.default_rng(seed).integers(1, 10**15, 100_000, dtype=np.uint64)
    ordinals = np.ones(len(numbers), dtype=np.uint32)
    current = [LiveIndex(base, Overlay().with_entries(numbers, ordinals.astype(np.uint16), ordinals))]
    mixed: list[Any] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            live = current[0]
            codes = set(live.find_many(numbers).tolist())
            if len(codes) != 1 or codes != {live[int(numbers[0])]}:
                mixed.append(codes)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for step in range(2, 40):
        codes = np.full(len(numbers), step, dtype=np.uint16)
        current[0] = LiveIndex(base, current[0].overlay.with_entries(numbers, codes, step * ordinals))
    done.set()
    for reader in readers:
        reader.join()
    assert mixed == []
