"""Corrections: what makes a table equal to the other side, what is left alone, and publishing them."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portdip.errors import StoreError
from portdip.exchange import change_file
from portdip.exchange.chain import Chain
from portdip.exchange.changes import Operation
from portdip.exchange.feeds.options import BadRows
from portdip.table.reconciling.corrections import Corrections
from portdip.table.reconciling.reconcile import Comparison

from .reconciled import ALL, ROUTES, classes, compare, dump, in_force, make_store, silent, write_dump

BASE = 8613800000000
THEN = datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
TOMORROW = datetime.now(UTC) + timedelta(days=1)
ENTRY = ("A", "01", "D", THEN)
HOLDER = [(BASE, BASE + 29_999, "H")]


def correct(store, theirs, path, wanted=ALL, complete=True, made=None, meanwhile=lambda: None):
    """Compare, write the corrections to `path`, publish them; how many, left alone by reason."""
    ours = in_force(store)
    comparison = Comparison(ours, theirs, wanted, silent)
    corrections = Corrections(ours, comparison.covers, complete, made)
    with corrections.writing(path) as take:
        for batch in comparison.differences(silent):
            take(batch)
    meanwhile()
    corrections.publish(path)
    return corrections


@pytest.fixture
def side(tmp_path):
    """Makes the store, and dumps to hold it against."""

    class Side:
        file = tmp_path / "corrections.csv"

        def __init__(self):
            self.store = make_store(tmp_path / "store", {BASE + place: ENTRY for place in range(10)}, HOLDER)

        def dump(self, changed, ranges=HOLDER):
            """What the store holds, less the numbers changed to None, and others as they are changed."""
            entries = {BASE + place: ENTRY for place in range(10)} | changed
            kept = [(number, entry) for number, entry in entries.items() if entry is not None]
            return dump(write_dump(tmp_path, kept, ranges))

        def differences(self, theirs):
            return classes(compare(self.store, theirs)[1])

    return Side()


def test_every_class_is_corrected(side):
    changed = {
        BASE: None, BASE + 20: ENTRY, BASE + 1: ("B", "", "D", THEN), BASE + 2: ("A", "01", None, THEN),
        BASE + 3: ("A", "01", "D", None),
    }  # fmt: skip
    ranges = [(BASE, BASE + 9_999, "H"), (BASE + 100, BASE + 199, "I")]
    made = correct(side.store, side.dump(changed, ranges), side.file)
    assert (made.count, made.left_alone) == (7, {})
    assert side.differences(side.dump(changed, ranges)) == {}
    operations = [line.split(",")[0] for line in side.file.read_text().splitlines()]
    assert operations == ["operation", "assign", "withdraw", "release", "port", "port", "port", "port"]


def test_the_file_is_one_of_changes(side):
    correct(side.store, side.dump({BASE: None, BASE + 1: ("B, C", "", None, THEN)}, HOLDER), side.file)
    (rows,) = change_file.read(side.file, BadRows())
    assert rows.column("operation").to_pylist() == [Operation.RELEASE, Operation.PORT]
    assert rows.column("carrier").to_pylist() == [None, "B, C"]
    assert rows.column("effective").to_pylist() == [None, THEN]


def test_equal_sides_need_no_corrections(side):
    made = correct(side.store, side.dump({}), side.file)
    assert made.count == 0
    assert side.file.read_text() == "operation,number,first,last,carrier,routing_number,donor,effective\n"
    assert side.store.chain.head.sequence == 1


def test_what_was_not_compared_stays_where_the_number_stays(side):
    theirs = {BASE + place: ("A", "01", None, THEN + timedelta(days=place)) for place in range(10)}
    correct(side.store, side.dump(theirs), side.file)  # a dump without donors: nine other times
    found = compare(side.store, side.dump({BASE: ("A", "01", "D", THEN)}))[1]
    assert {row["donor"] for row in found} == {"D"}


def test_a_number_with_another_change_to_come_is_left_alone(side):
    with side.store.writer() as writer:
        writer.port(BASE, "T", effective=TOMORROW)
    theirs = {BASE: ("B", "", "D", THEN), BASE + 1: ("B", "", "D", THEN)}
    made = correct(side.store, side.dump(theirs), side.file)
    assert (made.count, made.left_alone) == (1, {"a change of them takes effect later": 1})
    assert side.differences(side.dump(theirs)) == {"C": [BASE]}


@pytest.mark.parametrize(
    ("to_come", "left"),
    [
        (lambda writer: writer.mass_change("B", "T", effective=TOMORROW), True),
        (lambda writer: writer.mass_change("D", "T", effective=TOMORROW), False),
        (lambda writer: writer.mass_change("B", "T", first=BASE + 500, last=BASE + 600, effective=TOMORROW), False),
        (lambda writer: writer.release(BASE, last=BASE + 99, effective=TOMORROW), True),
        (lambda writer: writer.assign(BASE, BASE + 99, "T", effective=TOMORROW), False),
    ],
)
def test_what_a_change_of_many_numbers_to_come_will_move_is_left_alone(side, to_come, left):
    with side.store.writer() as writer:
        writer.port(BASE + 9, "B")
        to_come(writer)
    theirs = {BASE: ("B", "", "D", THEN), BASE + 9: ("B", "", None, None)}
    made = correct(side.store, side.dump(theirs), side.file)
    assert made.count == (not left)


def test_a_route_that_is_new_here_may_be_one_that_a_mass_change_to_come_moves(side):
    with side.store.writer() as writer:
        writer.mass_change("N", "T", effective=TOMORROW)
    made = correct(side.store, side.dump({BASE: ("N", "", "D", THEN)}), side.file)
    assert (made.count, made.left_alone.total()) == (0, 1)


def test_an_interval_with_another_holder_to_come_is_left_alone(side):
    with side.store.writer() as writer:
        writer.assign(BASE, BASE + 99, "T", effective=TOMORROW)
    ranges = [(BASE, BASE + 199, "I"), (BASE + 200, BASE + 29_999, "H"), (BASE + 20_000, BASE + 20_009, "I")]
    made = correct(side.store, side.dump({}, ranges), side.file)
    assert (made.count, made.left_alone.total()) == (1, 1)


def test_what_has_changed_meanwhile_is_left_alone(side):
    def meanwhile():
        with side.store.writer() as writer:
            writer.port(BASE, "M")

    theirs = {BASE: ("B", "", "D", THEN), BASE + 1: ("B", "", "D", THEN)}
    made = correct(side.store, side.dump(theirs), side.file, meanwhile=meanwhile)
    assert (made.count, made.left_alone) == (1, {"they have changed meanwhile": 1})
    assert [row["carrier"] for row in compare(side.store, side.dump(theirs))[1]] == ["M"]


def test_an_import_meanwhile_stops_publishing(side, monkeypatch):
    def meanwhile():
        with side.store.draft(None) as draft:
            draft.image.write_text(str(len(list(draft.merge()))))

    with pytest.raises(StoreError, match="imported anew"):
        correct(side.store, side.dump({BASE: None}), side.file, meanwhile=meanwhile)


def test_a_store_that_is_held_is_not_corrected(side):
    with side.store.writer() as writer:
        writer.release(BASE)
    side.store.hold(1)
    with pytest.raises(StoreError, match="held"):
        correct(side.store, side.dump({BASE: None}), side.file)


def test_nothing_is_released_where_rows_of_the_dump_were_left_out(side):
    theirs = {BASE: None, BASE + 1: ("B", "", "D", THEN)}
    made = correct(side.store, side.dump(theirs, [(BASE, BASE + 99, "H")]), side.file, complete=False)
    assert (made.count, made.left_alone.total()) == (1, 2)


def test_what_has_changed_since_the_dump_was_made_is_left_alone(side):
    with side.store.writer() as writer:
        writer.port(BASE, "O")
    made_at = datetime.now(UTC)
    with side.store.writer() as writer:
        writer.port(BASE + 1, "N")
    with side.store.writer() as writer:
        writer.mass_change("A", "M", first=BASE + 2, last=BASE + 2)
    made = correct(side.store, side.dump({}), side.file, made=made_at)
    assert (made.count, made.left_alone) == (1, {"they have changed since the dump was made": 2})
    assert side.differences(side.dump({})) == {"CDF": [BASE + 1], "C": [BASE + 2]}


def test_a_dump_made_before_the_last_import_corrects_nothing(side):
    with pytest.raises(StoreError, match="imported anew"):
        correct(side.store, side.dump({}), side.file, made=THEN)


def test_a_dump_made_before_the_chain_began_corrects_nothing(side, monkeypatch):
    with side.store.writer() as writer:
        writer.port(BASE, "O")
    monkeypatch.setattr(Chain, "sequences", lambda chain: [2])
    monkeypatch.setattr(Chain, "base", side.store.chain.head)
    with pytest.raises(StoreError, match="does not go back"):
        correct(side.store, side.dump({}), side.file, made=THEN)


def test_what_no_change_can_say_is_left_alone(side):
    theirs = {BASE: ("x" * 65, "", "D", THEN), BASE + 1: ("B", "", "D", datetime(1969, 1, 1, tzinfo=UTC))}
    made = correct(side.store, side.dump(theirs), side.file)
    assert (made.count, made.left_alone) == (0, {"a change cannot say it": 2})


carriers = st.sampled_from(["A", "B"])
entries = st.tuples(carriers, st.sampled_from(["", "01"]), st.none() | carriers, st.sampled_from([None, THEN]))
tables = st.dictionaries(st.integers(BASE, BASE + 30), entries, max_size=15)
plans = st.lists(st.tuples(st.integers(0, 9), carriers), unique_by=lambda row: row[0], max_size=5).map(
    lambda rows: [(BASE + tens * 10, BASE + tens * 10 + 9, carrier) for tens, carrier in rows]
)


@settings(max_examples=settings.default.max_examples // 4)
@given(tables, tables, plans, plans, st.sampled_from([ALL, ROUTES]))
def test_the_second_comparison_finds_nothing(ours, theirs, our_plan, their_plan, wanted):
    with tempfile.TemporaryDirectory() as folder:
        store = make_store(Path(folder) / "store", ours, our_plan)
        found = write_dump(Path(folder), list(theirs.items()), their_plan)
        if not found:
            return
        made = correct(store, dump(found), Path(folder) / "corrections.csv", wanted)
        assert not made.left_alone
        report, _ = compare(store, dump(found), wanted)
        assert report.equal
