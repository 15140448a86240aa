"""The load path, from files to a live snapshot: against a dict, and through everything that can be wrong."""

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portdip.errors import (
    BadRowError,
    FeedError,
    InvalidRangeError,
    RoutesFullError,
    StoreError,
    StoreLockedError,
)
from portdip.exchange.feeds.options import BadRows, Options
from portdip.index import Index
from portdip.lookup import verify
from portdip.lookup.load import import_feed, init_store
from portdip.table import merge, schema
from portdip.table.store import Store


def silent(count, share):
    pass


@pytest.fixture
def store(tmp_path):
    return init_store(tmp_path / "store", "test")


@pytest.fixture
def bring(store, tmp_path):
    """Imports a CSV file of the given lines under a header."""

    def bring(header, *lines, options=None):
        path = tmp_path / "ported.csv"
        path.write_text("\n".join([header, *lines, ""]))
        return import_feed(store.path, "csv", [path], options or Options(), silent)

    return bring


def answers(store, *numbers):
    """Carrier and routing number that the index gives for each number, None for none."""
    snapshot = store.current()
    codes = [Index.open(snapshot.image)[number] for number in numbers]
    return [
        (snapshot.routes[code].carrier.id, snapshot.routes[code].routing_number) if code else None for code in codes
    ]


def test_a_new_store_answers_nothing(store):
    assert answers(store, 8613800138000) == [None]
    assert list(verify.verify(store.path))


def test_numbers_and_ranges_become_answers(store, bring):
    bring("first,last,carrier", "8613800000000,8613800009999,A", "8613800000100,8613800000199,")
    report = bring("number,carrier,routing_number", "+8613800000001,B,0012", "8613800000150,B,")
    numbers = (8613800000000, 8613800000001, 8613800000150, 8613800000199, 8613800000200)
    assert answers(store, *numbers) == [("A", ""), ("B", "0012"), ("B", ""), None, ("A", "")]
    assert (report.sequence, report.read, report.taken, report.replaced, report.rejected) == (2, 2, 2, 0, 0)


def test_the_report_counts_rows(store, bring, tmp_path):
    bring("number,carrier", "861,A", "862,A")
    bad_rows = BadRows(tmp_path / "rejected.csv")
    report = bring("number,carrier", "862,B", "x,B", "863,B", "863,C", options=Options(bad_rows=bad_rows))
    assert (report.read, report.taken, report.replaced, report.rejected) == (4, 2, 1, 2)
    assert answers(store, 861, 862, 863) == [("A", ""), ("B", ""), ("B", "")]


def test_progress_ends_at_the_whole(store, tmp_path):
    path = tmp_path / "ported.csv"
    path.write_text("number,carrier\n861,A\n862,A\n")
    heard = []
    import_feed(store.path, "csv", [path], Options(), lambda *progress: heard.append(progress))
    assert heard == [(2, None), (2, 1.0)]


def test_a_number_twice_names_both_rows(store, bring):
    with pytest.raises(BadRowError, match=r"before, at .*ported\.csv, row 2; at .*ported\.csv, row 4; got 862"):
        bring("number,carrier", "862,A", "861,A", "862,B")
    assert store.current().manifest.sequence == 0


def test_a_number_twice_is_skipped_as_other_bad_rows_are(store, bring, tmp_path):
    bad_rows = BadRows(tmp_path / "rejected.csv")
    bring("number,carrier", "862,A", "861,A", "862,B", options=Options(bad_rows=bad_rows))
    assert answers(store, 862) == [("A", "")]
    with open(tmp_path / "rejected.csv", newline="") as file:
        assert [(row["row"], row["content"]) for row in csv.DictReader(file)] == [("4", "862")]


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (["100,199,A", "150,250,B"], "cross"),
        (["100,199,A", "100,199,B"], "two codes"),
    ],
)
def test_ranges_that_contradict_each_other_are_refused(store, bring, lines, complaint):
    with pytest.raises(InvalidRangeError, match=complaint):
        bring("first,last,carrier", *lines)
    assert store.current().manifest.sequence == 0


def test_a_new_range_may_not_cross_one_that_is_there(store, bring):
    bring("first,last,carrier", "100,199,A")
    with pytest.raises(InvalidRangeError, match="cross"):
        bring("first,last,carrier", "150,250,B")
    assert answers(store, 150, 250) == [("A", ""), None]


def test_more_routes_than_codes(store, bring):
    with pytest.raises(RoutesFullError):
        bring("number,carrier,routing_number", *(f"{number},A,{number}" for number in range(100_000, 165_535)))
    assert store.current().manifest.sequence == 0
    assert not (store.path / "scratch").exists()


@pytest.mark.parametrize(
    ("feed", "files", "complaint"),
    [
        ("xlsx", [], "no such feed"),
        ("csv", [], "at least one file; got 0 files"),
        ("phone-cn", [Path("x")], "no files"),
    ],
)
def test_a_feed_gets_the_files_it_needs(store, feed, files, complaint):
    with pytest.raises(FeedError, match=complaint):
        import_feed(store.path, feed, files, Options(), silent)


def test_there_must_be_a_store(tmp_path):
    with pytest.raises(StoreError, match="not a store"):
        import_feed(tmp_path, "phone-cn", [], Options(), silent)


numbers = st.integers(100, 160) | st.integers(8613800000000, 8613800000040)
entries = st.dictionaries(numbers, st.tuples(st.sampled_from("ABC"), st.sampled_from(["", "0012", "D1"])), max_size=30)
imports = st.lists(entries.filter(bool), min_size=1, max_size=4)


@settings(max_examples=40)
@given(imports, st.data(), st.integers(1, 20))
def test_imports_are_updates_of_a_dict(tmp_path_factory, imports, data, few):
    """Whatever the order of rows, however they are split over files, and however small runs and windows are."""
    directory = tmp_path_factory.mktemp("load")
    model = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merge, "RUN_ROWS", few)
        patch.setattr(schema, "BATCH_ROWS", few)
        store = init_store(directory / "store", "test")
        for step, entries in enumerate(imports):
            rows = data.draw(st.permutations(sorted(entries.items())))
            cut = data.draw(st.integers(0, len(rows) - 1))
            files = []
            for part, some in enumerate(filter(None, (rows[:cut], rows[cut:]))):
                columns = {
                    "number": [number for number, _ in some],
                    "carrier": [carrier for _, (carrier, _) in some],
                    "routing_number": [routing_number for _, (_, routing_number) in some],
                }
                files.append(directory / f"{step}-{part}.parquet")
                pq.write_table(pa.table(columns), files[-1])
            report = import_feed(store.path, "parquet", files, Options(), silent)
            assert (report.taken, report.replaced) == (len(entries), len(entries.keys() & model.keys()))
            model |= entries
    snapshot = Store.open(store.path).current()
    assert snapshot.numbers.column("number").to_pylist() == sorted(model)
    assert answers(store, *sorted(model)) == [model[number] for number in sorted(model)]
    for number, (carrier, routing_number) in model.items():
        route = snapshot.record(number).route
        assert (route.carrier.id, route.routing_number) == (carrier, routing_number)
    assert list(verify.verify(store.path))


IMPORT_THAT_HANGS = """
import sys, time
from pathlib import Path
from portdip.exchange.feeds.options import Options
from portdip.lookup.load import import_feed

def hang(count, share):
    print("reading", flush=True)
    time.sleep(60)

import_feed(sys.argv[1], "csv", [Path(sys.argv[2])], Options(), hang)
"""


def test_a_killed_import_leaves_the_store_as_it_was(store, bring, tmp_path):
    bring("number,carrier", "861,A")
    before = store.current().manifest
    path = tmp_path / "ported.csv"
    command = [sys.executable, "-c", IMPORT_THAT_HANGS, str(store.path), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        with pytest.raises(StoreLockedError, match=f"held by pid {process.pid}"):
            bring("number,carrier", "861,A")
        os.kill(process.pid, signal.SIGKILL)
    assert (store.path / "scratch").exists()
    assert store.current().manifest == before
    bring("number,carrier", "862,B")
    assert answers(store, 861, 862) == [("A", ""), ("B", "")]
    assert not (store.path / "scratch").exists()
