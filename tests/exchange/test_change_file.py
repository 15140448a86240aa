"""Files of changes: the three kinds of file, every column, and what is said of rows and columns that are wrong."""

import csv
import gzip
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from portdip.errors import BadRowError, FeedError, MissingColumnError
from portdip.exchange import change_file
from portdip.exchange.changes import CHANGES, Operation
from portdip.exchange.feeds.options import BadRows
from tests.exchange.changes_made import good_rows, rows

NUMBER = 8613800138000


@pytest.fixture
def read(tmp_path):
    """The changes in a CSV file with this content."""

    def read(content, name="changes.csv", bad_rows=None):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return taken(path, bad_rows)

    return read


def taken(path, bad_rows=None):
    batches = list(change_file.read(path, bad_rows or BadRows()))
    assert all(batch.schema == CHANGES for batch in batches)
    return pa.Table.from_batches(batches, CHANGES)


def table(*changes):
    return pa.Table.from_batches([rows(*changes)])


def test_the_four_columns(read):
    assert read(f"operation,number,carrier,routing_number\nport,{NUMBER},CUCC,0B17\nrelease,+86139,,\n") == table(
        {"operation": Operation.PORT, "number": NUMBER, "carrier": "CUCC", "routing_number": "0B17"},
        {"operation": Operation.RELEASE, "number": 86139},
    )


def test_every_column(read):
    content = (
        "text,version,order,effective,donor_routing_number,donor,last,first,routing_number,carrier,number,operation\n"
        ",7,ORD-1,2026-01-02T03:04:05+08:00,0C,CMCC,,,0B17,CUCC,861,port\n"
        ",,,2026-01-02,,,869,860,,,,release\n"
        ",,,2026-01-02T03:04:05,,,869,860,,CMCC,,assign\n"
        ",,,,,,869,860,,,,withdraw\n"
        ",,,,0C,CMCC,869,860,0D,CMCC,,mass-change\n"
        ",,,,,CMCC,,,0D,CMCC,,mass-change\n"
        "China Unicom,,,,,,,,,CUCC,,carrier\n"
        ",,,,,,,,,CUCC,,retire-carrier\n"
        ",,,,,,,,0B17,CUCC,,route\n"
        ",,,,,,,,0B17,CUCC,,retire-route\n"
    )
    span = {"number": 860, "last": 869}
    old, new = {"donor": "CMCC", "donor_routing_number": "0C"}, {"carrier": "CMCC", "routing_number": "0D"}
    route = {"carrier": "CUCC", "routing_number": "0B17"}
    moment = datetime(2026, 1, 1, 19, 4, 5, tzinfo=UTC)
    assert read(content) == table(
        {"operation": 1, "number": 861, "version": 7, "order": "ORD-1", "effective": moment} | old | route,
        {"operation": 2, "effective": datetime(2026, 1, 2, tzinfo=UTC)} | span,
        {"operation": 3, "carrier": "CMCC", "effective": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)} | span,
        {"operation": 4} | span,
        {"operation": 5} | span | old | new,
        {"operation": 5, "donor": "CMCC"} | new,
        {"operation": 6, "carrier": "CUCC", "text": "China Unicom"},
        {"operation": 7, "carrier": "CUCC"},
        {"operation": 8} | route,
        {"operation": 9} | route,
    )


@given(st.lists(good_rows.filter(lambda row: row["operation"] in change_file.OPERATIONS), min_size=1, max_size=30))
def test_the_three_kinds_of_file_say_the_same(tmp_path_factory, drawn):
    """Empty texts become null on the way: nothing between two commas is no text, in the other kinds too."""
    directory = tmp_path_factory.mktemp("changes")
    written = rows(*drawn).to_pylist()
    for row in written:
        ranged = row["last"] is not None
        row["operation"] = Operation(row["operation"]).label
        row |= {"first": row["number"] if ranged else None, "number": None if ranged else row["number"]}
    fields = [pa.field("operation", pa.string()), pa.field("first", pa.uint64()), *list(CHANGES)[1:]]
    columns = pa.Table.from_pylist(written, pa.schema(fields))
    parquet.write_table(columns, directory / "changes.parquet")
    with pa.OSFile(str(directory / "changes.arrow"), "wb") as file, pa.ipc.new_file(file, columns.schema) as writer:
        writer.write_table(columns)
    with pa.OSFile(str(directory / "changes.arrows"), "wb") as file, pa.ipc.new_stream(file, columns.schema) as writer:
        writer.write_table(columns)
    with gzip.open(directory / "changes.csv.gz", "wt", encoding="utf-8", newline="") as file:
        plain = csv.DictWriter(file, columns.column_names)
        plain.writeheader()
        plain.writerows(row | {"effective": row["effective"] and row["effective"].isoformat()} for row in written)
    expected = rows(*({name: None if value == "" else value for name, value in row.items()} for row in drawn))
    for path in directory.iterdir():
        assert taken(path) == pa.Table.from_batches([expected]), path.name


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("prot,1,,,A,,,,,", "`operation` is not one of port, release, assign"),
        (",1,,,A,,,,,", "`operation` is not one of"),
        ("trust-key,,,,,,,,," + "ab" * 32, "`operation` is not one of"),
        ("port,abc,,,A,,,,,", "`number` is not a number of 1 to 15 digits"),
        ("port,0138,,,A,,,,,", "`number` is not a number of 1 to 15 digits"),
        ("port,,,,A,,,,,", "port needs `number` or `first`"),
        ("port,1,,,,,,,,", "port needs `carrier`"),
        ("port,1,1,2,A,,,,,", "a row has `number`, or `first` and `last`"),
        ("port,,1,,A,,,,,", "a row has `number`, or `first` and `last`"),
        ("port,1,,2,A,,,,,", "a row has `number`, or `first` and `last`"),
        ("release,1,,,A,,,,,", "release takes no `carrier`"),
        ("port,1,,,A,xyz,,,,", "`routing_number` is not up to 16 digits or hex digits"),
        ("port,,100,99,A,,,,,", "`last` is not a number as long as the first"),
        ("port,1,,,A,,tomorrow,,,", "`effective` is not a time in ISO 8601"),
        ("port,1,,,A,,1969-01-01,,,", "`effective` is not a time from 1970"),
        ("port,1,,,A,,,-1,,", "`version` is not a whole number"),
        ("port,1,,,A,,,18446744073709551616,,", "`version` is not a whole number"),
        ("port,1,,," + "A" * 65 + ",,,,,", "`carrier` is not 1 to 64 characters"),
        ("port,1,,,A", "the row has 5 columns instead of 10"),
    ],
)
def test_a_bad_row_is_named_or_skipped(read, tmp_path, line, reason):
    content = (
        "operation,number,first,last,carrier,routing_number,effective,version,order,text\n"
        f"release,1,,,,,,,,\n{line}\nrelease,2,,,,,,,,\n"
    )
    with pytest.raises(BadRowError, match=reason) as caught:
        read(content)
    assert caught.value.where == f"{tmp_path / 'changes.csv'}, row 3"
    with BadRows(tmp_path / "rejected.csv") as bad_rows:
        assert read(content, bad_rows=bad_rows).column("number").to_pylist() == [1, 2]
    (rejected,) = list(csv.DictReader((tmp_path / "rejected.csv").read_text().splitlines()))
    assert rejected["row"] == "3"
    assert rejected["reason"].startswith(reason)


def test_a_misspelt_column_is_no_empty_one(read):
    """Else the change would answer at once."""
    with pytest.raises(FeedError, match=r"unknown column.*got efective\. Did you mean 'effective'\?"):
        read("operation,number,efective\nrelease,1,2026-01-01\n")
    with pytest.raises(FeedError, match=r"there twice.*got number"):
        read("operation,number,number\nrelease,1,2\n")


def test_operations_are_needed(read):
    with pytest.raises(MissingColumnError, match="no column 'operation'"):
        read("number,carrier\n1,A\n")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("", "empty"),
        ("operation,number\n", "no rows"),
        (b"PAR1 and nothing more", "cannot be read"),
        (b"ARROW1 and nothing more", "cannot be read"),
        (b"\xff\xff\xff\xff\x10", "cannot be read"),
        (b"operation,number\nrelease,\xff\n", "cannot be read"),
    ],
)
def test_what_is_no_file_of_changes(read, content, error):
    with pytest.raises(FeedError, match=error):
        read(content)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FeedError, match="no such file"):
        taken(tmp_path / "changes.csv")


def test_routing_numbers_that_lost_their_zeros_are_refused(tmp_path):
    columns = pa.table({"operation": ["port"], "number": [1], "carrier": ["A"], "routing_number": [17]})
    parquet.write_table(columns, tmp_path / "changes.parquet")
    with pytest.raises(FeedError, match=r"have lost their leading zeros.*column `routing_number`"):
        taken(tmp_path / "changes.parquet")
