"""Many numbers at once are answered as each of them alone, whatever has changed since the base."""

from __future__ import annotations

import numpy as np
import pytest

from portdip.index import Builder, Index, LiveIndex, Overlay

FIRST = 8613800000000
NUMBERS = np.arange(FIRST, FIRST + 2_000, dtype=np.uint64)


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Index:
    path = tmp_path_factory.mktemp("live") / "image"
    with Builder(path, np.array([[FIRST, FIRST + 9_999, 1]], dtype=np.uint64)) as builder:
        builder.add(NUMBERS[::7].copy(), np.full(len(NUMBERS[::7]), 2, dtype=np.uint16))
    return Index.open(path)


@pytest.mark.parametrize("share", [0.0, 0.002, 0.02, 0.3, 1.0])
@pytest.mark.parametrize("ranges", [0, 1, 5])
@pytest.mark.parametrize("rules", [0, 1])
def test_many_are_answered_as_one_by_one(base, seed, share, ranges, rules):
    chance = np.random.default_rng(seed)
    chosen = NUMBERS[chance.random(len(NUMBERS)) < share]
    count = len(chosen)
    ordinals = np.arange(1, count + 1, dtype=np.uint32)
    overlay = Overlay().with_entries(chosen, chance.integers(0, 9, count).astype(np.uint16), ordinals)
    for step in range(ranges):
        first = FIRST + int(chance.integers(0, 1_000))
        held = [np.array([value], dtype=np.uint64) for value in (first, first + 800)]
        overlay = overlay.with_ranges(*held, np.array([step], np.uint16), np.array([count + 1 + step], np.uint32))
    for step in range(rules):
        codes = np.arange(1 << 16, dtype=np.uint16)
        codes[3] = 5
        overlay = overlay.with_rule(count + 100 + step, FIRST + 300, FIRST + 1_700, codes)
    live = LiveIndex(base, overlay)
    for numbers in (NUMBERS, chance.permutation(NUMBERS), NUMBERS[:65].copy()):
        assert live.match_many(numbers).tolist() == [live.match(number) for number in numbers.tolist()]
        assert live.find_many(numbers).tolist() == [live[number] for number in numbers.tolist()]
        assert live.range_codes(numbers).tolist() == [live.range_code(number) for number in numbers.tolist()]
