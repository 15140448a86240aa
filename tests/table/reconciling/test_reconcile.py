"""Reconciling a store with a dump or another store: against plain dictionaries, and class by class."""

import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portdip import files
from portdip.errors import BadRowError, FeedError, InvalidRangeError, StoreError, StoreLockedError
from portdip.exchange.feeds.options import BadRows
from portdip.table import merge
from portdip.table.reconciling.dump import Dump
from portdip.table.reconciling.reconcile import Comparison
from portdip.table.reconciling.tally import Tally

from .reconciled import ALL, ROUTES, classes, compare, dump, in_force, make_store, silent, write_dump

BASE = 8613800000000
THEN = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = THEN + timedelta(days=1)
ENTRY = ("A", "01", "D", THEN)
HOLDER = [(BASE, BASE + 29_999, "H")]


@pytest.fixture
def against(tmp_path):
    """Compares a store of some entries and ranges with a dump of others."""

    def against(ours, theirs, our_ranges=HOLDER, their_ranges=HOLDER, wanted=ALL):
        store = make_store(tmp_path / "store", ours, our_ranges)
        return compare(store, dump(write_dump(tmp_path, list(theirs), their_ranges)), wanted)

    return against


def test_equal_sides(against):
    entries = {BASE + place * 7: ENTRY for place in range(3_000)}
    report, found = against(entries, reversed(entries.items()))
    assert (report.equal, report.correct_percent, report.correct_in_ranges_percent, found) == (True, 100.0, 100.0, [])
    assert (report.numbers, report.their_numbers, report.either, report.blocks, report.blocks_differing) == (
        3_000, 3_000, 3_000, 3, 0,
    )  # fmt: skip
    assert report.reaches_legal_bar


def test_every_class_of_a_number(against):
    ours = {BASE + place: ENTRY for place in range(200)}
    theirs = dict(ours)
    del theirs[BASE]
    theirs[BASE + 300] = ENTRY
    theirs[BASE + 1] = ("B", "01", "D", THEN)
    theirs[BASE + 2] = ("A", "1", "D", THEN)
    theirs[BASE + 3] = ("A", "01", None, THEN)
    theirs[BASE + 4] = ("A", "01", "D", LATER)
    theirs[BASE + 5] = ("B", "", "E", None)
    rows = [*theirs.items(), (BASE + 6, ENTRY), (BASE + 50_000, ENTRY)]
    report, found = against(ours, rows)
    assert classes(found) == {
        "A": [BASE], "B": [BASE + 300], "C": [BASE + 1, BASE + 2], "D": [BASE + 3], "F": [BASE + 4], "CDF": [BASE + 5],
        "BH": [BASE + 50_000], "G": [BASE + 6],
    }  # fmt: skip
    assert report.counts == {"A": 1, "B": 2, "C": 3, "D": 2, "E": 0, "F": 2, "G": 1, "H": 1}
    assert (report.wrong, report.either, report.their_numbers) == (8, 202, 201)
    assert report.correct_percent == pytest.approx(100 * 194 / 202)
    assert not report.reaches_legal_bar
    assert not report.equal
    both = next(row for row in found if row["number"] == BASE + 5)
    assert [both[name] for name in ("carrier", "routing_number", "donor", "effective")] == list(ENTRY)
    assert [both[f"their_{name}"] for name in ("carrier", "routing_number", "donor", "effective")] == [
        "B", "", "E", None,
    ]  # fmt: skip


def test_a_number_that_is_there_twice_is_named_with_both_rows(against, tmp_path):
    rows = [(BASE, ENTRY), (BASE + 1, ENTRY), (BASE, ("B", "", None, None)), (BASE, ENTRY)]
    report, found = against(dict(rows[:2]), rows)
    assert [(row["classes"], row["number"]) for row in found] == [("G", BASE)] * 2
    numbers = tmp_path / "numbers.arrow"
    assert [row["where"] for row in found] == [f"{numbers}, row {row}; first at {numbers}, row 1" for row in (3, 4)]
    assert report.equal  # the first row counts, as for an import
    assert report.their_numbers == 2


def test_what_is_odd_on_both_sides_alike_is_shown_and_is_no_difference(against):
    entries = {BASE: ENTRY, BASE + 50_000: ENTRY}
    report, found = against(entries, entries.items())
    assert classes(found) == {"H": [BASE + 50_000]}
    assert (report.equal, report.correct_percent, report.counts["H"]) == (True, 100.0, 1)


def test_oddities_of_equal_blocks_are_shown_beside_differences_of_others(against):
    ours = {BASE: ENTRY, BASE + 50_000: ENTRY, BASE + 90_000: ENTRY}
    theirs = ours | {BASE: ("B", "", None, None)}
    _, found = against(ours, theirs.items())
    assert classes(found) == {"CDF": [BASE], "H": [BASE + 50_000, BASE + 90_000]}


def test_ranges(against):
    ours = [(BASE, BASE + 999, "H"), (BASE + 100, BASE + 199, "I"), (BASE + 2_000, BASE + 2_999, "H")]
    theirs = [(BASE, BASE + 999, "H"), (BASE + 150, BASE + 199, "I"), (BASE + 300, BASE + 310, None)]
    report, found = against({BASE: ENTRY}, [(BASE, ENTRY)], ours, theirs)
    intervals = [
        (row["classes"], row["number"] - BASE, row["last"] - BASE, row["carrier"], row["their_carrier"])
        for row in found
    ]
    assert intervals == [("E", 100, 149, "I", "H"), ("E", 300, 310, "H", None), ("E", 2_000, 2_999, "H", None)]
    assert (report.counts["E"], report.wrong_in_ranges, report.in_ranges) == (3, 50 + 11 + 1_000, 2_000)
    assert (report.correct_percent, report.equal) == (100.0, False)


def test_intervals_do_not_join_across_a_length(against):
    _, found = against({}, [], [(100, 999, "A"), (1000, 1099, "A")], [(1, 1, "A")])
    assert [(row["number"], row["last"]) for row in found] == [(1, 1), (100, 999), (1000, 1099)]


def test_what_a_dump_is_silent_about_is_not_compared(against):
    theirs = {BASE: ("A", "01", None, None)}
    report, found = against({BASE: ENTRY}, theirs.items(), their_ranges=[])
    assert (report.equal, found, report.correct_in_ranges_percent) == (True, [], None)
    assert report.not_told == ["donors", "effective times", "ranges"]


def test_a_dump_with_times_and_without_donors(against):
    theirs = {BASE: ("A", "01", None, THEN), BASE + 1: ("A", "01", None, LATER)}
    report, found = against({BASE: ENTRY, BASE + 1: ENTRY}, theirs.items())
    assert classes(found) == {"F": [BASE + 1]}
    assert report.not_told == ["donors"]


def test_a_dump_of_ranges_only(against):
    report, found = against({BASE: ENTRY}, [])
    assert (report.equal, found, report.correct_percent, report.not_told) == (True, [], None, ["numbers"])


def test_routes_alone_on_request(against):
    report, found = against({BASE: ENTRY}, [(BASE, ("A", "01", "X", LATER))], wanted=ROUTES)
    assert (report.equal, found, report.not_told) == (True, [], [])


def test_a_store_without_ranges_has_no_numbers_outside_of_them(against):
    assert against({BASE: ENTRY}, [(BASE, ENTRY)], [], [])[1] == []


def test_an_empty_store_lacks_everything(against):
    report, found = against({}, [(BASE, ENTRY)], [], HOLDER)
    assert classes(found) == {"E": [BASE], "B": [BASE]}
    assert report.correct_percent == 0.0


def test_what_is_in_force_counts(tmp_path):
    """A port of the past, one of today, a release, one to come, a mass change and a range."""
    store = make_store(tmp_path / "store", {BASE + place: ENTRY for place in range(5)}, HOLDER)
    with store.writer() as writer:
        writer.port(BASE, "B", "02", donor="A", effective=LATER)
        writer.port(BASE + 10, "B")
        writer.release(BASE + 1)
        writer.port(BASE + 2, "B", effective=datetime.now(UTC) + timedelta(days=1))
        writer.mass_change("A", "C", "03", first=BASE + 3, last=BASE + 3)
        writer.assign(BASE, BASE + 99, "J")
    theirs = {
        BASE: ("B", "02", "A", LATER), BASE + 10: ("B", "", None, None), BASE + 2: ENTRY,
        BASE + 3: ("C", "03", "D", THEN), BASE + 4: ENTRY,
    }  # fmt: skip
    ranges = [*HOLDER, (BASE, BASE + 99, "J")]
    report, found = compare(store, dump(write_dump(tmp_path, list(theirs.items()), ranges)))
    assert found == []
    assert report.numbers == 5


def test_an_import_that_is_not_live_yet_counts(tmp_path):
    store = make_store(tmp_path / "store", {BASE: ENTRY}, HOLDER)
    store.make_current(0)
    assert in_force(store).head.sequence == 1
    assert compare(store, dump(write_dump(tmp_path, [(BASE, ENTRY)], HOLDER)))[0].equal


def test_a_store_that_is_held_is_compared_as_it_answers(tmp_path):
    store = make_store(tmp_path / "store", {BASE: ENTRY}, HOLDER)
    with store.writer() as writer:
        writer.release(BASE)
    store.hold(1)
    assert compare(store, dump(write_dump(tmp_path, [(BASE, ENTRY)], HOLDER)))[0].equal


def test_many_batches_in_no_order_and_runs_on_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(merge, "RUN_ROWS", 500)
    numbers = [BASE + place * 17 % 30_011 for place in range(4_000)]
    ours = dict.fromkeys(numbers, ENTRY)
    theirs = [(number, ENTRY if number % 11 else ("B", "02", "D", THEN)) for number in reversed(numbers)]
    rows = theirs + theirs[:1000]
    store = make_store(tmp_path / "store", ours, [(BASE, BASE + 39_999, "H")])
    report, found = compare(store, dump(write_dump(tmp_path, rows, [], batch_rows=97)))
    assert sorted(classes(found)["C"]) == sorted(number for number in numbers if not number % 11)
    assert Counter(classes(found)["G"]) == Counter(number for number, _ in theirs[:1000])
    assert report.their_numbers == 4_000
    assert not (store.path / "reconcile").exists()


def test_two_stores(tmp_path):
    ours = make_store(tmp_path / "ours", {BASE: ENTRY, BASE + 1: ENTRY}, HOLDER)
    theirs = make_store(tmp_path / "theirs", {BASE: ENTRY, BASE + 2: ("B", "", None, None)}, [])
    report, found = compare(ours, in_force(theirs))
    assert classes(found) == {"E": [BASE], "A": [BASE + 1], "B": [BASE + 2]}
    assert compare(ours, in_force(ours))[0].equal
    assert report.theirs == f"{theirs.path}, sequence 1"


def test_stores_of_two_datasets_are_refused(tmp_path):
    ours, theirs = (make_store(tmp_path / name, {}, [], dataset=name) for name in ("ours", "theirs"))
    with pytest.raises(StoreError, match="two datasets"):
        compare(ours, in_force(theirs))


def test_a_damaged_dump_is_refused_with_file_and_row(tmp_path):
    store = make_store(tmp_path / "store", {}, [])
    path = tmp_path / "dump.csv"
    path.write_text("number,carrier\n861,A\n86x,A\n")
    with pytest.raises(BadRowError, match=f"{path}, row 3"):
        compare(store, dump([path], "csv"))


def test_a_row_that_is_skipped_is_skipped_in_both_readings(tmp_path):
    store = make_store(tmp_path / "store", {}, [])
    path, reject = tmp_path / "dump.csv", tmp_path / "rejected.csv"
    path.write_text("number,carrier\n861,A\n86x,A\n")
    with BadRows(reject) as bad_rows:
        found = compare(store, Dump("csv", [path], None, bad_rows))[1]
    assert (classes(found), bad_rows.count) == ({"B": [861]}, 1)
    assert reject.read_text().count("86x") == 1


def test_ranges_that_contradict_each_other_are_refused_with_the_dump(tmp_path):
    store = make_store(tmp_path / "store", {}, [])
    found = dump(write_dump(tmp_path, [], [(100, 199, "A"), (150, 250, "B")]))
    with pytest.raises(InvalidRangeError, match=r"ranges\.arrow"):
        compare(store, found)


def test_a_dump_that_changes_while_it_is_compared(tmp_path):
    store = make_store(tmp_path / "store", {}, [])
    path = tmp_path / "dump.csv"
    path.write_text("number,carrier\n861,A\n862,A\n")
    comparison = Comparison(in_force(store), dump([path], "csv"), ALL, silent)
    path.write_text("number,carrier\n861,A\n862,B\n")
    with pytest.raises(FeedError, match="changed"):
        list(comparison.differences(silent))


@pytest.mark.parametrize(("feed", "wanted"), [("csv", "at least one file"), ("libphonenumber", "no files")])
def test_a_feed_needs_files_or_none(feed, wanted, tmp_path):
    with pytest.raises(FeedError, match=wanted):
        dump([tmp_path / "file"] if feed != "csv" else [], feed)


def test_one_at_a_time(tmp_path):
    store = make_store(tmp_path / "store", {}, [])
    comparison = Comparison(in_force(store), dump(write_dump(tmp_path, [(BASE, ENTRY)], [])), ALL, silent)
    with files.scratch_directory(store.path / "reconcile"), pytest.raises(StoreLockedError, match="reconciling"):
        list(comparison.differences(silent))


def test_a_tally_keeps_the_first_of_each_class(against):
    ours = {BASE + place: ENTRY for place in range(10)}
    report = against(ours, [(BASE + 20, ENTRY)])[0]
    assert [row["number"] for row in report.examples["A"]] == [BASE, BASE + 1]
    assert Tally(0).examples["A"] == []


carriers = st.sampled_from(["A", "B", "C"])
entries = st.tuples(
    carriers, st.sampled_from(["", "01", "0A"]), st.none() | carriers, st.sampled_from([None, THEN, LATER])
)
numbers = st.integers(BASE, BASE + 40) | st.integers(BASE + 9_990, BASE + 10_010) | st.integers(990, 1_010)
tables = st.dictionaries(numbers, entries, max_size=30)


@st.composite
def ranges(draw):
    """Ranges apart from each other, some with one inside."""
    found = []
    for begin, end in ((BASE, BASE + 20), (BASE + 21, BASE + 50), (BASE + 9_000, BASE + 10_005), (995, 999)):
        if draw(st.booleans()):
            found.append((begin, end, draw(carriers)))
            if draw(st.booleans()):
                found.append((begin + 1, end - 1, draw(st.none() | carriers)))
    return found


def held(table):
    """Holder by number."""
    holders = {}
    for first, last, carrier in sorted(table, key=lambda row: row[0] - row[1]):
        for number in range(first, last + 1):
            holders[number] = carrier
    return {number: carrier for number, carrier in holders.items() if carrier is not None}


def expected(ours, theirs, plan, wanted):
    """Classes by number, of two dictionaries."""
    found = {}
    for number in ours.keys() | theirs.keys():
        here, there = ours.get(number), theirs.get(number)
        letters = "A" * (there is None) + "B" * (here is None)
        if here is not None and there is not None:
            letters += "C" * (here[:2] != there[:2]) + "D" * (wanted.donors and here[2] != there[2])
            letters += "F" * (wanted.times and here[3] != there[3])
        letters += "H" * (bool(plan) and number not in plan)
        if letters:
            found[number] = letters
    return found


@settings(max_examples=settings.default.max_examples // 4)
@given(tables, tables, tables, ranges(), ranges(), st.lists(st.integers(0, 100), max_size=5), st.randoms())
def test_what_is_found_is_what_two_dictionaries_differ_in(base, ours, other, our_plan, their_plan, repeats, random):
    theirs = ours | other
    for number in random.sample(sorted(ours), len(ours) // 3):
        theirs.pop(number)
    rows = list(theirs.items())
    random.shuffle(rows)
    rows += [rows[place % len(rows)] for place in repeats if rows]
    with tempfile.TemporaryDirectory() as folder:
        store = make_store(Path(folder) / "store", base, our_plan)
        with store.writer() as writer:
            for number in base.keys() - ours.keys():
                writer.release(number)
            for number, (carrier, digits, donor, effective) in ours.items():
                writer.port(number, carrier, digits, donor=donor, effective=effective)
        found_files = write_dump(Path(folder), rows, their_plan)
        if not found_files:
            return
        report, found = compare(store, dump(found_files))
    covers = type(ALL)(any(row[1][2] for row in rows), any(row[1][3] for row in rows))
    plan = held(their_plan or our_plan)
    counts = Counter()
    if rows:
        of_numbers = {row["number"]: row["classes"] for row in found if row["classes"] not in "EG"}
        assert of_numbers == expected(ours, theirs, plan, covers)
        assert report.either == len(ours.keys() | theirs.keys())
        counts.update(letter for letters in of_numbers.values() for letter in letters)
    if their_plan:
        here, there = held(our_plan), held(their_plan)
        wrong = {number for number in here.keys() | there.keys() if here.get(number) != there.get(number)}
        intervals = [(row["number"], row["last"]) for row in found if row["classes"] == "E"]
        assert {number for first, last in intervals for number in range(first, last + 1)} == wrong
        assert report.wrong_in_ranges == len(wrong)
    assert {letter: count for letter, count in report.counts.items() if count and letter not in "EG"} == counts
