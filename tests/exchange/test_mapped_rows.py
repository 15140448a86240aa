"""The three column-mapped feeds: the same rows from each kind of file."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from portdip.errors import BadRowError, FeedError, MissingColumnError
from portdip.exchange import feeds, rows
from portdip.exchange.feeds.options import BadRows, Options

PORTED = {
    "number": ["8613800138000", "+8613800138001"],
    "carrier": ["CMCC", "CUCC"],
    "routing_number": ["0012", "D1"],
    "donor": ["CUCC", None],
    "effective": ["2024-01-31T00:00:00Z", None],
}
JANUARY = datetime(2024, 1, 31, tzinfo=UTC)


def write_csv(table, path):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(table.column_names)
        writer.writerows(zip(*table.to_pydict().values(), strict=True))


def write_arrow_file(table, path):
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table)


def write_arrow_stream(table, path):
    with pa.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table)


KINDS = {
    "csv": ("csv", write_csv),
    "parquet": ("parquet", pa.parquet.write_table),
    "arrow file": ("arrow", write_arrow_file),
    "arrow stream": ("arrow", write_arrow_stream),
}


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


@pytest.fixture
def read(kind, tmp_path):
    """Writes each dict of columns to a file, reads them all with the feed, and gives the batches."""
    feed, write = kind

    def read(*tables, options=None):
        paths = [tmp_path / f"ported-{position}" for position in range(len(tables))]
        for path, table in zip(paths, tables, strict=True):
            write(pa.table(table), path)
        return list(feeds.load(feed).rows(paths, options or Options()))

    return read


def line(kind, row):
    """The number of data row `row`: CSV counts the header as a line."""
    return row + (kind[0] == "csv")


def test_number_rows(read, kind):
    (batch,) = read(PORTED)
    assert batch.schema == rows.PLACED_NUMBERS
    assert batch.drop_columns("place").to_pylist() == [
        {
            "number": 8613800138000,
            "carrier": "CMCC",
            "routing_number": "0012",
            "donor": "CUCC",
            "effective": JANUARY,
        },
        {
            "number": 8613800138001,
            "carrier": "CUCC",
            "routing_number": "D1",
            "donor": None,
            "effective": None,
        },
    ]


def test_each_row_knows_its_file_and_row(read, kind):
    first, second = read(PORTED, PORTED)
    places = [rows.place_of(place) for batch in (first, second) for place in batch.column("place").to_pylist()]
    assert places == [(0, line(kind, 1)), (0, line(kind, 2)), (1, line(kind, 1)), (1, line(kind, 2))]


def test_columns_that_may_be_missing(read):
    (batch,) = read({"carrier": ["CMCC"], "number": ["8613800138000"]})
    assert batch.to_pylist()[0]["routing_number"] == ""
    assert batch.to_pylist()[0]["donor"] is None
    assert batch.to_pylist()[0]["effective"] is None


def test_range_rows_and_withdrawn_ones(read):
    (batch,) = read(
        {
            "first": ["8613800000000", "8613800000100"],
            "last": ["8613800009999", "8613800000199"],
            "carrier": ["CMCC", None],
        }
    )
    assert batch.schema == rows.RANGES
    assert batch.to_pylist() == [
        {"first": 8613800000000, "last": 8613800009999, "carrier": "CMCC", "routing_number": ""},
        {"first": 8613800000100, "last": 8613800000199, "carrier": None, "routing_number": ""},
    ]


def test_carriers_that_the_map_names_come_first(read, tmp_path):
    column_map = tmp_path / "map.toml"
    column_map.write_text('number = 0\ncarrier = "carrier"\n[carriers]\nCMCC = "China Mobile"')
    carriers, numbers = read(PORTED, options=Options(map_file=column_map))
    assert carriers.schema == rows.CARRIERS
    assert carriers.to_pylist() == [{"id": "CMCC", "name": "China Mobile"}]
    assert len(numbers) == 2


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("number", "86138x"),
        ("number", "1" * 16),
        ("number", "0861380013800"),
        ("number", ""),
        ("number", None),
        ("carrier", ""),
        ("carrier", None),
        ("routing_number", "12G"),
        ("effective", "soon"),
    ],
)
def test_a_bad_value_names_file_row_and_column(read, kind, column, value):
    table = PORTED | {column: [PORTED[column][0], value]}
    with pytest.raises(BadRowError, match=rf"`{column}` is not .*; at .*ported-0, row {line(kind, 2)}; got "):
        read(table)


@pytest.mark.parametrize(
    ("first", "last"), [("200", "100"), ("99", "100"), ("x", "100"), ("100", "")], ids=lambda number: number or "none"
)
def test_a_range_that_is_none_is_a_bad_row(read, first, last):
    with pytest.raises(BadRowError, match=r"row \d"):
        read({"first": [first], "last": [last], "carrier": ["CMCC"]})


def test_skipped_rows_are_counted_and_written_down(read, kind, tmp_path):
    table = PORTED | {"number": ["8613800138000", "nobody"]}
    with BadRows(tmp_path / "rejected.csv") as bad_rows:
        (batch,) = read(table, options=Options(bad_rows=bad_rows))
    assert batch.column("number").to_pylist() == [8613800138000]
    assert bad_rows.count == 1
    with open(tmp_path / "rejected.csv", newline="") as file:
        (rejected,) = csv.DictReader(file)
    assert rejected["file"] == str(tmp_path / "ported-0")
    assert rejected["row"] == str(line(kind, 2))
    assert "`number` is not" in rejected["reason"]
    assert rejected["content"] == "nobody,CUCC,D1,,"


def test_a_missing_column_is_named(read):
    with pytest.raises(MissingColumnError, match=r"'carrier'.*ported-0.*number, carriers.*Did you mean 'carriers'"):
        read({"number": ["8613800138000"], "carriers": ["CMCC"]})


def test_a_file_without_rows_is_refused(read):
    with pytest.raises(FeedError, match=r"no rows; at .*ported-0"):
        read({name: pa.array([], pa.string()) for name in PORTED})


def test_a_file_with_nothing_in_it_is_refused(kind, tmp_path):
    (tmp_path / "empty").touch()
    with pytest.raises(FeedError, match="empty"):
        list(feeds.load(kind[0]).rows([tmp_path / "empty"], Options()))


def test_a_file_that_is_not_there_is_refused(kind):
    with pytest.raises(FeedError, match="no such file; at nowhere"):
        list(feeds.load(kind[0]).rows([Path("nowhere")], Options()))


def test_a_file_of_another_kind_is_refused(kind, tmp_path):
    path = tmp_path / "noise"
    path.write_bytes(b"\xff\x00PAR1 certainly not\n" * 3)
    with pytest.raises(FeedError, match="noise"):
        list(feeds.load(kind[0]).rows([path], Options()))
