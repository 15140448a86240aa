"""What only CSV files have: lines, delimiters, encodings, compression."""

import gzip

import pytest

from portdip.errors import BadRowError, FeedError
from portdip.exchange import delimited, rows
from portdip.exchange.feeds import csv
from portdip.exchange.feeds.options import BadRows, Options


@pytest.fixture
def read(tmp_path):
    """The number rows of a CSV file with this content, as (number, carrier, row in the file)."""

    def read(content, column_map="", name="ported.csv", bad_rows=None):
        path, map_file = tmp_path / name, tmp_path / "map.toml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        map_file.write_text(column_map)
        options = Options(map_file, bad_rows or BadRows())
        return [
            (row["number"], row["carrier"], rows.place_of(row["place"])[1])
            for batch in csv.rows([path], options)
            if batch.schema == rows.PLACED_NUMBERS
            for row in batch.to_pylist()
        ]

    return read


PLAIN = "number,carrier\n861,A\n862,B\n"


def test_rows_are_numbered_as_lines(read):
    assert read(PLAIN) == [(861, "A", 2), (862, "B", 3)]


def test_compressed(read):
    assert read(gzip.compress(PLAIN.encode()), name="ported.csv.gz") == [(861, "A", 2), (862, "B", 3)]


@pytest.mark.parametrize("ending", ["\r\n", "\r"])
def test_other_line_ends(read, ending):
    assert read(PLAIN.replace("\n", ending)) == [(861, "A", 2), (862, "B", 3)]


def test_byte_order_mark(read):
    assert read(b"\xef\xbb\xbf" + PLAIN.encode()) == [(861, "A", 2), (862, "B", 3)]


def test_without_a_header(read):
    assert read("x,861,A\nx,862,B", "header = false\nnumber = 1\ncarrier = 2") == [(861, "A", 1), (862, "B", 2)]


def test_delimiter_and_encoding(read):
    content = "number|carrier\n861|移动\n".encode("gb18030")
    assert read(content, 'delimiter = "|"\nencoding = "gb18030"') == [(861, "移动", 2)]


def test_quotes(read):
    assert read('number,carrier\n"861","A, the ""first"""\n') == [(861, 'A, the "first"', 2)]


def test_one_name_for_two_columns_needs_positions(read):
    content = "name,name,number\nA,Mobile,861\n"
    assert read(content, "carrier = 0") == [(861, "A", 2)]


def test_one_column_for_two_keys(read):
    assert read(PLAIN, 'donor = "carrier"') == [(861, "A", 2), (862, "B", 3)]


def test_blank_lines_count_but_are_no_rows(read):
    assert read("number,carrier\n\n861,A\n\n\n862,B\n\n") == [(861, "A", 3), (862, "B", 6)]


@pytest.mark.parametrize(("line", "columns"), [("862", 1), ("862,B,C", 3)])
def test_too_few_or_too_many_columns(read, line, columns):
    with pytest.raises(BadRowError, match=rf"{columns} columns instead of 2; at .*ported\.csv, row 3; got {line}"):
        read(f"number,carrier\n861,A\n{line}\n863,C\n")


def test_misfits_do_not_shift_the_rows_after_them(read, tmp_path, monkeypatch):
    """Lines reach the reader block by block; small blocks here, so that misfits stand in and between many."""
    monkeypatch.setattr(delimited, "_BLOCK_BYTES", 64)
    lines = [f"86{row},A" if row % 7 else f"86{row}" for row in range(2, 500)]
    with BadRows(tmp_path / "rejected.csv") as bad_rows:
        found = read("\n".join(["number,carrier", *lines]), bad_rows=bad_rows)
    assert found == [(int(f"86{row}"), "A", row) for row in range(2, 500) if row % 7]
    assert bad_rows.count == sum(1 for row in range(2, 500) if row % 7 == 0)


def test_only_misfits(read, tmp_path):
    with BadRows(tmp_path / "rejected.csv") as bad_rows:
        assert read("number,carrier\n861\n862\n", bad_rows=bad_rows) == []
    assert bad_rows.count == 2


@pytest.mark.parametrize("content", ["number,carrier", "number,carrier\n", "number,carrier\n\n\n"])
def test_a_header_alone_is_no_data(read, content):
    with pytest.raises(FeedError, match="no rows"):
        read(content)


def test_bytes_that_are_not_in_the_encoding(read):
    with pytest.raises(FeedError, match=r"ported\.csv"):
        read(b"number,carrier\n861,\xff\xfe\n")
