"""Rows in any order to rows in order: the whole against a dict."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip.table import facts, merge, schema
from portdip.table.net import Net

VERSION = 7


def rows_of(entries):
    """A batch of (number, route) whose places are the routes too, as a draft hands them to the runs."""
    columns = {
        "number": [number for number, _ in entries],
        "route": [route for _, route in entries],
        "donor": [0] * len(entries),
        "version": [int(merge.IMPORTED) | route for _, route in entries],
        "effective": [None] * len(entries),
    }
    return pa.record_batch(columns, schema=schema.NUMBERS)


def base_of(entries):
    table = pa.Table.from_batches([rows_of(sorted(entries.items()))])
    versions = pa.array([1] * len(table), pa.uint64())
    return table.set_column(3, schema.NUMBERS.field("version"), versions)


def content(batches):
    """(number, route, version) of all rows, which must stand in strict order."""
    found = [
        (row["number"], row["route"], row["version"])
        for batch in batches
        for row in batch.select(["number", "route", "version"]).to_pylist()
    ]
    assert found == sorted(found)
    return found


NO_CHANGES = Net(1, facts.none(), np.zeros(1, dtype=np.uint64))


class Heard:
    """Keeps what a merge tells."""

    def __init__(self, repeats):
        self.repeats = repeats
        self.count = 0
        self.gone = {}

    def repeated(self, *repeat):
        self.repeats.append(repeat)

    def replaced(self, count):
        self.count += count

    def superseded(self, rows):
        self.gone |= {row["number"]: row["route"] for row in rows.to_pylist()}


def run(directory, batches, base, repeats, net=NO_CHANGES):
    runs = merge.Runs(directory, lambda *repeat: repeats.append(repeat))
    for batch in batches:
        runs.add(rows_of(batch))
    return list(merge.filled(merge.merge(runs.finish(), base_of(base), net, VERSION, Heard(repeats))))


numbers = st.integers(1, 60)
routes = st.integers(1, 1000)


@pytest.fixture
def small(monkeypatch):
    """Runs and windows of a few rows, so that a few rows show what millions do."""

    def small(run_rows, batch_rows):
        monkeypatch.setattr(merge, "RUN_ROWS", run_rows)
        monkeypatch.setattr(schema, "BATCH_ROWS", batch_rows)

    return small


@given(
    batches=st.lists(st.lists(numbers, max_size=12), max_size=8),
    base=st.dictionaries(numbers, routes),
    run_rows=st.integers(1, 30),
    batch_rows=st.integers(1, 30),
)
def test_the_merge_is_that_of_dicts(tmp_path_factory, batches, base, run_rows, batch_rows):
    """The row that comes first in an import stays, imported rows replace older ones, and all repeats are heard of."""
    place = iter(range(1, 1000))
    imported = [[(number, next(place)) for number in batch] for batch in batches]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merge, "RUN_ROWS", run_rows)
        patch.setattr(schema, "BATCH_ROWS", batch_rows)
        repeats = []
        merged = run(tmp_path_factory.mktemp("runs"), imported, base, repeats)
    expected = {number: (number, route, 1) for number, route in base.items()}
    first = set()
    heard = []
    for batch in imported:
        for number, route in batch:
            if number in first:
                heard.append((number, route))
            else:
                first.add(number)
                if base.get(number) != route:
                    expected[number] = (number, route, VERSION)
    assert content(merged) == sorted(expected.values())
    assert sorted((number, place) for number, place, _ in repeats) == sorted(heard)
    assert all(before < place for _, place, before in repeats)
    assert all(0 < len(batch) <= batch_rows for batch in merged)


def test_rows_in_order_make_one_run(tmp_path, small):
    small(run_rows=2, batch_rows=100)
    runs = merge.Runs(tmp_path, pytest.fail)
    for number in range(1, 10, 2):
        runs.add(rows_of([(number, 1), (number + 1, 1)]))
    runs.finish()
    assert [path.name for path in tmp_path.iterdir()] == ["run-0.arrow"]


def test_a_repeat_may_stop_the_import(tmp_path, small):
    def stop(number, place, place_kept):
        raise KeyError(number)

    small(run_rows=2, batch_rows=100)
    runs = merge.Runs(tmp_path, stop)
    runs.add(rows_of([(5, 1), (5, 2)]))
    with pytest.raises(KeyError, match="5"):
        runs.finish()
    runs.close()


def test_small_batches_are_joined(small):
    small(run_rows=1, batch_rows=5)
    batches = [rows_of([(number, 1)]) for number in range(1, 13)]
    assert [len(batch) for batch in merge.filled(batches)] == [5, 5, 2]


def test_nothing_merges_to_nothing(tmp_path):
    assert run(tmp_path, [], {}, []) == []


def changes_of(entries, since=1):
    """What the chain has said since the base: a (number, route) each delta, sequences from `since` + 1 on."""
    number, code = (np.array(column) for column in zip(*entries, strict=True))
    count = len(entries)
    ordinals = np.arange(1, count + 1, dtype=np.uint32)
    columns = number.astype(np.uint64), code.astype(np.uint16), np.zeros(count, np.uint16), ordinals
    made = facts.Entries(*columns, np.full(count, facts.AT_ONCE))
    ranges = facts.none().ranges
    return Net(since, facts.Facts(made, ranges, [], count + 1), np.arange(since, since + count + 1, dtype=np.uint64))


@given(
    base=st.dictionaries(numbers, st.integers(1, 3), min_size=1),
    changed=st.lists(st.tuples(numbers, st.integers(0, 3)), min_size=1, max_size=12),
    imported=st.dictionaries(numbers, st.integers(1, 3)),
    batch_rows=st.integers(1, 30),
)
def test_an_import_goes_over_the_chain_and_the_chain_over_the_base(
    tmp_path_factory, base, changed, imported, batch_rows
):
    """The version is that of what gave a number its route; what stood in the base and does no more is told of."""
    expected = {number: (route, 1) for number, route in base.items()}
    for sequence, (number, route) in enumerate(changed, start=2):
        expected[number] = (route, sequence)
    before = {number: row for number, row in expected.items() if row[0]}
    version = len(changed) + 2
    after = before | {
        number: (route, before[number][1] if number in before and before[number][0] == route else version)
        for number, route in imported.items()
    }
    heard = Heard([])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "BATCH_ROWS", batch_rows)
        runs = merge.Runs(tmp_path_factory.mktemp("runs"), pytest.fail)
        runs.add(rows_of(list(imported.items())))
        found = list(merge.merge(runs.finish(), base_of(base), changes_of(changed), version, heard))
    assert content(found) == sorted((number, *row) for number, row in after.items())
    assert heard.count == len(before.keys() & imported.keys())
    assert heard.gone == {number: route for number, route in base.items() if after.get(number) != (route, 1)}


def test_what_a_mass_change_moves_is_told_of(tmp_path):
    codes = np.arange(1 << 16, dtype=np.uint16)
    codes[1] = 2
    rules = [facts.Rule(1, 1, 5, codes, facts.AT_ONCE), facts.Rule(2, 7, 8, None, facts.AT_ONCE)]
    nothing = facts.none()
    net = Net(1, facts.Facts(nothing.entries, nothing.ranges, rules, 3), np.array([0, 2, 3], dtype=np.uint64))
    heard = Heard([])
    base = {4: 1, 5: 2, 6: 1, 7: 1}
    found = list(merge.merge([], base_of(base), net, 9, heard))
    assert content(found) == [(4, 2, 2), (5, 2, 1), (6, 1, 1)]
    assert heard.gone == {4: 1, 7: 1}
