"""NPAC's download files: what each kind becomes, which version counts, and what is refused."""

import csv
import gzip
from datetime import UTC, datetime

import hypothesis
import hypothesis.strategies as st
import pytest

from portdip.errors import BadRowError, FeedError
from portdip.exchange import rows
from portdip.exchange.feeds.options import BadRows
from tests.exchange.feeds.samples import changes, files_of, take

FEED = "npac-bdd"
FULL = ("202555-202556.22-11-2026060000", "2025550-2025569.22-11-2026060000", "NPA-NXX.", "NPA-NXX-X.", "LRN.", "SPID.")
DELTA = ("202555-202556.22-11-2026070000", "2025550-2025569.22-11-2026070000")
ALWAYS = "00-00-0000000000.99-99-9999999999"
DPC = [""] * 8
LRN = "2025560199"


def sv(version, tn, spid="X002", lrn=LRN, time="20260115143000", reason=0, tail=("", "")):
    return [version, tn, lrn, spid, time, *DPC, "", "00", "", 0, reason, *tail]


def npb(version, block, spid="X002", lrn=LRN, time="20260115143000", reason=0, wsmsc=("", ""), tail=()):
    return [version, block, lrn, spid, time, *DPC, *wsmsc, reason, *tail]


def npa_nxx(version, code, spid="X001", time="20200201000000", reason=0):
    return [spid, version, code, "20200101000000", time, reason]


@pytest.fixture
def write(tmp_path):
    def write(*records, name="delta"):
        path = tmp_path / name
        path.write_text("".join("|".join(map(str, record)) + "\r" for record in records), newline="")
        return path

    return write


def test_a_full_load():
    taken = take(FEED, files_of(FEED, *FULL))
    assert taken.carriers == {"X001": "Example Telephone", "X002": "Example Wireless", "X003": "Example Cable"}
    assert taken.ranges == [
        (12025550000, 12025559999, "X001", ""),
        (12025560000, 12025569999, "X002", ""),
        (12025551000, 12025551999, "X002", "2025560199"),
        (12025563000, 12025563999, "X003", "2025570199"),
    ]
    assert taken.served() == {
        12025550101: ("X002", "2025560199"),
        12025550102: ("X002", "2025560199"),
        12025560103: ("X001", "2025550199"),
    }
    first = taken.numbers[0]
    assert first["donor"] is None
    assert first["effective"] == datetime(2026, 1, 15, 14, 30, tzinfo=UTC)
    assert rows.place_of(first["place"]) == (0, 1)


def test_a_full_load_with_the_delta_after_it():
    taken = take(FEED, files_of(FEED))
    assert taken.served() == {
        12025550101: ("X002", "2025560199"),
        12025550102: ("X002", "2025560198"),
        12025550104: ("X003", "2025570199"),
    }
    assert [row[:3] for row in taken.ranges[2:]] == [
        (12025551000, 12025551999, "X002"),
        (12025554000, 12025554999, "X003"),
    ]


def test_a_delta():
    found = changes(FEED, files_of(FEED, *DELTA, "NPA-NXX."))
    assert found == [
        (
            "assign",
            {
                "number": 12025554000,
                "last": 12025554999,
                "carrier": "X003",
                "routing_number": "2025570199",
                "version": 503,
                "effective": datetime(2026, 11, 22, 6, 45, tzinfo=UTC),
            },
        ),
        (
            "assign",
            {"number": 12025563000, "last": 12025563999, "carrier": "X002", "routing_number": "", "version": 502},
        ),
        (
            "port",
            {
                "number": 12025550104,
                "carrier": "X003",
                "routing_number": "2025570199",
                "version": 1010,
                "effective": datetime(2026, 11, 22, 6, 30, tzinfo=UTC),
            },
        ),
        ("port", {"number": 12025550102, "carrier": "X002", "routing_number": "2025560198", "version": 1002}),
        ("release", {"number": 12025560103, "version": 1003}),
    ]


def test_carriers_and_routes_in_a_delta(write):
    lrns = write(["X001", 1, "2025550199", "20200101000000", 0], ["X009", 2, "2025570199", "20200101000000", 1])
    assert changes(FEED, [lrns, *files_of(FEED, "SPID.")]) == [
        ("carrier", {"carrier": "X001", "text": "Example Telephone"}),
        ("carrier", {"carrier": "X002", "text": "Example Wireless"}),
        ("carrier", {"carrier": "X003", "text": "Example Cable"}),
        ("route", {"carrier": "X001", "routing_number": "2025550199"}),
        ("retire-route", {"carrier": "X009", "routing_number": "2025570199"}),
    ]


@pytest.mark.parametrize("tail", [(), ("", ""), ("111222333", "0", 1), ("", "", "", "X004", *[""] * 9)], ids=len)
def test_every_form_of_sv(write, tail):
    taken = take(FEED, [write(sv(7, "2025550101", tail=tail))])
    assert taken.served() == {12025550101: ("X002", LRN)}


@pytest.mark.parametrize(
    ("wsmsc", "tail"),
    [((), ()), (("", ""), ()), ((), ("1", "X004")), (("111222333", "0"), ("1", "X004")), ((), ("",) * 11)],
)
def test_every_form_of_npb(write, wsmsc, tail):
    taken = take(FEED, [write(npb(7, "2025551", wsmsc=wsmsc, tail=tail))])
    assert taken.ranges == [(12025551000, 12025551999, "X002", LRN)]


def test_compressed_and_with_other_line_ends(tmp_path):
    path = tmp_path / "delta.gz"
    lines = ("|".join(map(str, sv(version, f"202555010{version}"))) for version in range(3))
    path.write_bytes(gzip.compress("\r\n".join(lines).encode()))
    assert sorted(take(FEED, [path]).served()) == [12025550100, 12025550101, 12025550102]


def test_the_highest_version_counts_wherever_it_stands(write):
    files = [
        write(sv(9, "2025550101", "X009"), sv(7, "2025550102", "X007"), name="first"),
        write(sv(8, "2025550101", "X008"), sv(10, "2025550102", "X010"), name="second"),
    ]
    for order in (files, files[::-1]):
        assert take(FEED, order).served() == {12025550101: ("X009", LRN), 12025550102: ("X010", LRN)}


def test_of_one_version_a_delete_counts_before_a_modification_and_that_before_new(write):
    new, modified = sv(7, "2025550101"), sv(7, "2025550101", lrn="2025560198", reason=2)
    assert take(FEED, [write(modified, new)]).served() == {12025550101: ("X002", "2025560198")}
    assert take(FEED, [write(sv(7, "2025550101", "", "", "", reason=1), modified, new)]).served() == {}


def test_of_two_modifications_the_file_created_last_counts(write):
    files = [
        write(sv(7, "2025550101", spid, reason=2), name=f"202555-202555.{day}-11-2026120000")
        for day, spid in ((21, "X021"), (20, "X020"))
    ]
    assert take(FEED, files).served() == {12025550101: ("X021", LRN)}


def test_one_version_twice_is_no_matter_unless_it_differs(write):
    assert len(take(FEED, [write(sv(7, "2025550101"), sv(7, "2025550101"))]).numbers) == 1
    with pytest.raises(BadRowError, match=r"same version, but served differently; at .*delta, row 2"):
        take(FEED, [write(sv(7, "2025550101"), sv(7, "2025550101", "X003"))])


@hypothesis.given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 9), st.sampled_from("0123"), st.integers(0, 2)), min_size=1)
)
@hypothesis.settings(suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
def test_which_record_counts_is_a_matter_of_versions_alone(write, drawn):
    """Against a dict that takes the highest (version, stage, file created) of each number."""
    stage = {"0": 0, "2": 1, "3": 1, "1": 2}
    files, best = {}, {}
    for line, version, reason, file in drawn:
        record = sv(version, f"202555010{line}", f"X{version}{stage[reason]}{file}", reason=reason)
        files.setdefault(file, []).append(record)
        rank = (version, stage[reason], file)
        best[line] = max(best.get(line, (rank, record)), (rank, record), key=lambda each: each[0])
    paths = [write(*records, name=f"x.2{file}-11-2026120000") for file, records in files.items()]
    expected = {12025550100 + line: record[3] for line, (_, record) in best.items() if str(record[17]) != "1"}
    assert {number: carrier for number, (carrier, _) in take(FEED, paths).served().items()} == expected
    ported = {row["number"]: row["carrier"] for operation, row in changes(FEED, paths) if operation == "port"}
    assert ported == expected


def test_a_modified_block_answers_at_once(write):
    ((_, block),) = changes(FEED, [write(npb(502, "2025563", reason=2))])
    assert "effective" not in block


def test_a_withdrawn_block_without_its_holder_is_refused(write, tmp_path):
    block = write(npb(502, "2025563", reason=1), npb(503, "2025564"), name="blocks")
    with pytest.raises(BadRowError, match=r"no NPA-NXX file given.*; at .*blocks, row 1"):
        changes(FEED, [block])
    with BadRows(tmp_path / "rejected.csv") as bad_rows:
        assert [row["number"] for _, row in changes(FEED, [block], bad_rows)] == [12025564000]
    assert bad_rows.count == 1


def test_a_full_file_of_codes_changes_nothing_and_one_of_a_time_range_does(write):
    records = npa_nxx(1, "202555"), npa_nxx(2, "202556", reason=1), npa_nxx(3, "202557", "X003", reason=2)
    full = write(*records, name="NPA-NXX.22-11-2026060000")
    withdrawn = ("withdraw", {"number": 12025560000, "last": 12025569999, "version": 2})
    start = datetime(2020, 2, 1, tzinfo=UTC)
    held = {"routing_number": "", "effective": start}
    modified = ("assign", {"number": 12025570000, "last": 12025579999, "carrier": "X003", "version": 3, **held})
    assert changes(FEED, [full]) == [withdrawn, modified]
    ranged = write(*records, name="NPA-NXX.22-11-2026070000.22-11-2026060000.22-11-2026070000")
    new = ("assign", {"number": 12025550000, "last": 12025559999, "carrier": "X001", "version": 1, **held})
    assert changes(FEED, [ranged]) == [new, withdrawn, modified]


def test_a_full_file_is_no_delta(write):
    name = f"202555-202555.22-11-2026060000.{ALWAYS}"
    with pytest.raises(FeedError, match=r"a full file, not a delta.*202555-202555"):
        changes(FEED, [write(sv(7, "2025550101"), name=name)])


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda r: r[:-1], "19 columns instead of 20"),
        (lambda r: [*r, ""], "21 columns instead of 20"),
        (lambda r: [*r[:1], "202555010x", *r[2:]], "the key is not 10 digits"),
        (lambda r: [*r[:1], "1025550102", *r[2:]], "the key is not 10 digits, the first 2 to 9"),
        (lambda r: ["", *r[1:]], "version id"),
        (lambda r: [*r[:2], "20255501", *r[3:]], "LRN"),
        (lambda r: [*r[:3], "", *r[4:]], "SPID"),
        (lambda r: [*r[:4], "20260230000000", *r[5:]], "the time is not yyyymmddhhmmss"),
        (lambda r: [*r[:4], "", *r[5:]], "the time is not yyyymmddhhmmss"),
        (lambda r: [*r[:17], 4, *r[18:]], "download reason"),
    ],
)
def test_a_damaged_record_is_refused_with_file_and_row(write, tmp_path, damage, reason):
    path = write(sv(1, "2025550101"), damage(sv(2, "2025550102")), sv(3, "2025550103"))
    for read in (take, changes):
        with pytest.raises(BadRowError, match=rf"{reason}.*; at .*delta, row 2"):
            read(FEED, [path])
    with BadRows(tmp_path / "rejected.csv") as bad_rows:
        assert sorted(take(FEED, [path], bad_rows).served()) == [12025550101, 12025550103]
    with open(tmp_path / "rejected.csv", newline="") as file:
        (rejected,) = csv.DictReader(file)
    assert (rejected["file"], rejected["row"]) == (str(path), "2")


def test_a_damaged_first_record_does_not_hide_the_kind(write, tmp_path):
    path = write(["rubbish"], sv(3, "2025550103"))
    with BadRows(tmp_path / "rejected.csv") as bad_rows:
        assert list(take(FEED, [path], bad_rows).served()) == [12025550103]
    assert bad_rows.count == 1


@pytest.mark.parametrize("record", [["X001", ""], ["X0011", "Name"]])
def test_a_damaged_record_of_a_carrier_is_refused(write, record):
    with pytest.raises(BadRowError, match=r"row 2"):
        take(FEED, [write(["X002", "Example", 1], [*record, 0])])


def test_records_of_no_kind_are_refused(write):
    with pytest.raises(FeedError, match=r"not a bulk data download file; at .*delta; expected .*SV, NPB"):
        take(FEED, [write(["2025550101", "X001"])])


@pytest.mark.parametrize("kind", ["LRN", "NPA-NXX-X"])
def test_files_that_give_no_row_are_checked(write, kind):
    records = {
        "LRN": [["X001", 1, LRN, "20200101000000", 0], ["X001", 1, "123", "20200101000000", 0]],
        "NPA-NXX-X": [["X001", 1, "2025551", *["20200101000000"] * 3, 0], ["X001", 1, "2025551", "", "", "", 0]],
    }
    with pytest.raises(BadRowError, match="row 2"):
        take(FEED, [write(*records[kind])])
