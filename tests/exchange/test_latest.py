"""Of several rows of one number the one that counts."""

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given

from portdip.exchange import latest
from portdip.exchange.latest import CONTRADICTION, Repeats, only_latest

NUMBERS = st.one_of(
    st.integers(12025550000, 12025550020),
    st.sampled_from([1, 7, 8, 9_999_999, 10_000_000, 10_000_001, 999_999_999_999_999]),
)


def numbers(values):
    return np.array(values, dtype=np.uint64)


@given(st.lists(st.lists(NUMBERS)))
def test_repeats_are_those_that_come_twice(batches):
    repeats = Repeats()
    for batch in batches:
        repeats.add(numbers(batch))
    everything = [number for batch in batches for number in batch]
    assert repeats.numbers().tolist() == sorted({number for number in everything if everything.count(number) > 1})


def rows(*columns):
    names = {"number": pa.uint64(), "carrier": pa.string(), "version": pa.int64(), "place": pa.uint64()}
    return pa.record_batch(
        [pa.array(column, kind) for column, kind in zip(columns, names.values(), strict=True)], names=list(names)
    )


def taken(batches):
    """The rows that count, and the places of those that were refused."""
    repeats, refused = Repeats(), []
    for batch in batches:
        repeats.add(batch.column("number").to_numpy())

    def refuse(place, reason):
        assert reason == CONTRADICTION
        refused.append(place)

    found = only_latest(
        repeats.numbers(), batches, lambda held: [held.column("version").to_numpy()], ("carrier",), refuse
    )
    return [row for batch in found for row in batch.to_pylist()], refused


@given(st.lists(st.lists(st.tuples(NUMBERS, st.sampled_from(["A", "B", None]), st.integers(0, 3)), min_size=1)))
def test_the_highest_version_counts_and_ties_must_agree(drawn):
    place, batches, best, refused = 0, [], {}, set()
    for batch in drawn:
        places = list(range(place, place + len(batch)))
        place += len(batch)
        batches.append(rows(*zip(*batch, strict=True), places))
        for (number, carrier, version), at in zip(batch, places, strict=True):
            best.setdefault(number, []).append((-version, at, carrier))
    for ranked in best.values():
        ranked.sort(key=lambda each: each[:2])
        refused |= {at for version, at, carrier in ranked[1:] if version == ranked[0][0] and carrier != ranked[0][2]}
    found, refused_places = taken(batches)
    assert {row["number"]: row["place"] for row in found} == {number: ranked[0][1] for number, ranked in best.items()}
    assert len(found) == len(best)
    assert set(refused_places) == refused


def test_rows_without_repeats_pass_as_they_come():
    batches = [rows([2, 1], ["A", "B"], [1, 1], [0, 1]), rows([3], ["C"], [1], [2])]
    found = only_latest(numbers([]), batches, None, (), None)
    assert [len(batch) for batch in found] == [2, 1]


def test_a_number_whose_rows_are_all_refused_is_not_there():
    found = only_latest(numbers([3]), [rows([2], ["A"], [1], [0])], None, (), None)
    assert [row["number"] for batch in found for row in batch.to_pylist()] == [2]


@pytest.mark.parametrize("bitmap", [8, 64])
def test_bitmaps_of_any_size(bitmap, monkeypatch):
    monkeypatch.setattr(latest, "_BITMAP_NUMBERS", bitmap)
    repeats = Repeats()
    repeats.add(numbers([5, 63, 64, 65, 127]))
    repeats.add(numbers([127, 6, 64]))
    assert repeats.numbers().tolist() == [64, 127]
