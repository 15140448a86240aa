"""Where rows come from, and what becomes of bad ones."""

import gzip
import zipfile

import numpy as np
import pyarrow as pa
import pytest

from portdip.errors import BadRowError, FeedError
from portdip.exchange import delimited, reading
from portdip.exchange.delimited import Form
from portdip.exchange.feeds.options import BadRows, Overlooked
from portdip.exchange.reading import Source


def test_the_files_of_an_archive_by_name(tmp_path):
    path = tmp_path / "plan.ZIP"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("b.txt", "B")
        archive.writestr("folder/a.txt", "A")
        archive.mkdir("empty")
    found = reading.sources(path)
    assert [(source.name, source.open().read(), str(source)) for source in found] == [
        ("b.txt", b"B", f"{path}, b.txt"),
        ("a.txt", b"A", f"{path}, folder/a.txt"),
    ]


def test_a_file_is_its_own_source(tmp_path):
    path = tmp_path / "plan.csv.gz"
    path.write_bytes(gzip.compress(b"A"))
    (source,) = reading.sources(path)
    assert (source.name, source.open().read(), str(source)) == ("plan.csv", b"A", str(path))


def test_the_first_fault_of_a_row_is_the_reason():
    bad_rows = BadRows()
    column = pa.array(["a,b", "c"])
    faults = {"first": np.array([False, False]), "second": np.array([True, False]), "third": np.array([True, False])}
    with pytest.raises(BadRowError, match=r'second; at plan\.csv, row 7; got "a,b"'):
        reading.refuse("plan.csv", np.array([7, 8], dtype=np.uint64), [column], faults, bad_rows)


def test_overlooked_rows_are_counted_and_nothing_else():
    bad_rows = Overlooked()
    bad_rows.refuse("plan.csv", 7, "reason", "content")
    assert bad_rows.count == 1


@pytest.mark.parametrize(
    ("content", "encoding"), [(b"abc", "utf-8"), ("é".encode(), "utf-8"), (b"\xe9", "latin-1"), (b"\xc3", "latin-1")]
)
def test_which_encoding_a_file_has(tmp_path, content, encoding, monkeypatch):
    monkeypatch.setattr(delimited, "_BLOCK_BYTES", 1)
    path = tmp_path / "plan.csv"
    path.write_bytes(content)
    assert delimited.utf_8_or("latin-1", Source(path)) == encoding


def test_without_quotes_a_quotation_mark_is_text(tmp_path):
    path = tmp_path / "plan.csv"
    path.write_bytes(b'1|"a\r2|b"\r3|c|d\r\r4|')
    opened = delimited.open_file(Source(path), Form("|", header=False, quotes=False), bad_rows := Overlooked())
    ((columns, row_numbers),) = opened.read([1, 0])
    assert [column.to_pylist() for column in columns] == [['"a', 'b"', ""], ["1", "2", "4"]]
    assert row_numbers.tolist() == [1, 2, 5]
    assert bad_rows.count == 1


def test_a_width_given_holds_for_the_first_line_too(tmp_path):
    path = tmp_path / "plan.csv"
    path.write_bytes(b"1\n1,2\n")
    opened = delimited.open_file(Source(path), Form(header=False), BadRows(), width=2)
    with pytest.raises(BadRowError, match=r"1 columns instead of 2; at .*plan\.csv, row 1"):
        list(opened.read([0]))


def test_an_error_of_the_reader_names_the_file():
    with pytest.raises(FeedError, match=r"cannot be read; at plan\.csv; got cut short"), reading.reading("plan.csv"):
        raise EOFError("cut short")
