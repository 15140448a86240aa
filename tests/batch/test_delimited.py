"""CSV files: rows pass byte for byte, the answers stand at their ends."""

import csv
import gzip
import io
from dataclasses import replace
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from portdip.batch import delimited
from portdip.batch.annotate import annotate_file
from portdip.errors import AnnotateError, BadRowError, MissingColumnError
from portdip.lookup.engine import Engine, Pinned
from portdip.table.store import Store
from tests.lookup import stores

HEADER_ADDED = "carrier,routing_number,ported,status"


@pytest.fixture
def annotated(engine, tmp_path):
    def annotated(content: str | bytes, column="n", suffix=".csv", **options) -> str:
        source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
        source.write_bytes(content if isinstance(content, bytes) else content.encode())
        annotate_file(engine, source, target, column, **options)
        return target.read_bytes().decode("utf-8", "surrogateescape")

    return annotated


def test_answers_stand_at_the_end_of_each_row(annotated):
    assert annotated(f"time,n\n007,+{stores.PORTED}\n1.50,{stores.NATIVE}\n,{stores.UNALLOCATED}\nx,12x\n") == (
        f'time,n,{HEADER_ADDED}\n007,+{stores.PORTED},"China, Unicom",D002,true,ported\n'.replace(
            '"China, Unicom"', "CU"
        )
        + f"1.50,{stores.NATIVE},CM,,false,native\n"
        f",{stores.UNALLOCATED},,,false,unallocated\n"
        "x,12x,,,false,invalid\n"
    )


def test_an_empty_field_is_null_and_gets_empty_fields(annotated):
    assert annotated('n,m\n,1\n"",2\n').splitlines()[1:] == [",1,,,,", '"",2,,,,']


def test_quoted_fields_with_delimiters_and_line_breaks_pass_untouched(annotated):
    row = f'"a, ""b""\r\nc",{stores.PORTED},"\n\n"'
    assert annotated(f"x,n,y\r\n{row}\r\n") == f"x,n,y,{HEADER_ADDED}\r\n{row},CU,D002,true,ported\r\n"


def test_the_number_itself_may_be_quoted(annotated):
    assert annotated(f'n\n"+{stores.NATIVE}"\n').splitlines()[1] == f'"+{stores.NATIVE}",CM,,false,native'


def test_line_ends_blank_lines_and_a_missing_last_line_break_pass(annotated):
    number = stores.NATIVE
    assert annotated(f"n\r\n{number}\n\n\r\n{number}") == (
        f"n,{HEADER_ADDED}\r\n{number},CM,,false,native\n\n\r\n{number},CM,,false,native"
    )


def test_bytes_of_any_encoding_pass(annotated):
    name = "中国".encode("gb18030")
    out = annotated(b"name,n\n" + name + b",1\n").encode("utf-8", "surrogateescape")
    assert out.splitlines()[1] == name + b",1,,,false,unallocated"


def test_a_byte_order_mark_is_no_part_of_the_first_name(annotated):
    assert annotated("\ufeffn\n1\n") == f"\ufeffn,{HEADER_ADDED}\n1,,,false,unallocated\n"


def test_a_carrier_with_a_comma_is_quoted(engine, store, tmp_path):
    labels = engine.generation.labels
    names = pa.array([f'{carrier}, "Ltd"' for carrier in labels.carriers.to_pylist()])
    wordy = Engine(Pinned(Store.open(store), replace(engine.generation, labels=replace(labels, carriers=names))))
    (tmp_path / "in.csv").write_text(f"n\n{stores.PORTED}\n")
    annotate_file(wordy, tmp_path / "in.csv", tmp_path / "out.csv", "n")
    rows = list(csv.reader((tmp_path / "out.csv").read_text().splitlines()))
    assert rows[1] == [str(stores.PORTED), 'CU, "Ltd"', "D002", "true", "ported"]


def test_new_names_are_quoted_where_they_must_be(annotated):
    header = annotated("n\n1\n", prefix='a,"').splitlines()[0]
    assert next(csv.reader([header])) == ["n", *(f'a,"{name}' for name in HEADER_ADDED.split(","))]


def test_tabs_delimit_tsv_files(annotated):
    assert annotated(f"a\tn\n1,2\t{stores.NATIVE}\n", suffix=".tsv").splitlines()[1] == (
        f"1,2\t{stores.NATIVE}\tCM\t\tfalse\tnative"
    )


@pytest.mark.parametrize(
    ("suffix_in", "suffix_out"), [(".csv.gz", ".csv.gz"), (".csv", ".csv.gz"), (".csv.gz", ".csv")]
)
def test_compressed_files_are_read_and_written(engine, tmp_path, monkeypatch, suffix_in, suffix_out):
    monkeypatch.setattr(delimited, "_BLOCK_BYTES", 100)
    opened = {".csv": open, ".csv.gz": gzip.open}
    rows = "".join(f"{row},{stores.NATIVE}\n" for row in range(50))
    with opened[suffix_in](tmp_path / f"in{suffix_in}", "wb") as file:
        file.write(f"row,n\n{rows}".encode())
    annotate_file(engine, tmp_path / f"in{suffix_in}", tmp_path / f"out{suffix_out}", "n", threads=2)
    with opened[suffix_out](tmp_path / f"out{suffix_out}", "rb") as file:
        lines = file.read().decode().splitlines()
    assert lines[1:] == [f"{row},{stores.NATIVE},CM,,false,native" for row in range(50)]


def test_inch_marks_within_a_line_are_letters(annotated):
    out = annotated('x,n\n5" pipe 6" long,1\n"a ""b""",1\n', suffix=".csv")
    assert out.splitlines()[1:] == [f"{text},1,,,false,unallocated" for text in ('5" pipe 6" long', '"a ""b"""')]


def test_inch_marks_that_shift_the_ends_of_rows_are_refused_though_the_rows_are_as_many(annotated):
    """Two rows taken for one by their quotes, and one for two: the answers stood in rows of others."""
    content = 'x,y,n\n5" pipe,b,1\n6" pipe,d,2\n5","abc\ndef",6" z,3\nq,q,4\n'
    with pytest.raises(BadRowError, match=r"differ on where a row ends.*line 2.*'\"' inside a field.*as \"\""):
        annotated(content)


def test_a_carriage_return_within_a_row_is_refused(annotated):
    with pytest.raises(BadRowError, match=r"line 3.*'\\r' inside a field"):
        annotated("x,n\na,1\r\na\rb,2\n")
    assert annotated('x,n\n"a\rb",1\r\nb,1\r').count("unallocated") == 2


@given(st.text(alphabet='a,"\n\r', min_size=1, max_size=24) | st.from_regex(r'([a"]{0,3}[,\n"]){1,9}', fullmatch=True))
@example('a"\na""')
def test_rows_are_told_apart_as_csv_readers_do_or_not_at_all(text):
    content = text.encode()
    if content.count(b'"') % 2 or delimited._misplaced(content, ",") is not None:
        return
    ends = delimited._row_ends(content)
    rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    pieces = [text[begin:end].lstrip("\r\n") for begin, end in pairwise([0, *ends.tolist()])]
    assert [next(csv.reader(io.StringIO(piece, newline=""))) for piece in pieces] == rows


@st.composite
def tables(draw):
    """A CSV text with a column of numbers, as Python's csv module writes it, and its rows."""
    field = st.text(alphabet='ab,"\n 1é', max_size=6)
    number = st.sampled_from(["", "12x", *map(str, stores.KINDS), f"+{stores.PORTED}"])
    rows = draw(st.lists(st.tuples(field, number, field), max_size=40))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=draw(st.sampled_from(["\n", "\r\n"])))
    writer.writerows([("x", "n", "y"), *rows])
    return text.getvalue(), rows


@given(table=tables(), block_bytes=st.integers(1, 300), threads=st.integers(1, 3))
@example(table=("x,n,y\n", []), block_bytes=1, threads=1)
def test_any_table_comes_back_with_the_answers_of_dips(engine, tmp_path_factory, table, block_bytes, threads):
    text, rows = table
    folder = tmp_path_factory.mktemp("csv")
    (folder / "in.csv").write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "_BLOCK_BYTES", block_bytes)
        counts = annotate_file(engine, folder / "in.csv", folder / "out.csv", "n", threads=threads)
    out = (folder / "out.csv").read_bytes().decode()
    header, *found = csv.reader(io.StringIO(out, newline=""))
    assert header == ["x", "n", "y", *HEADER_ADDED.split(",")]
    assert [tuple(row[:3]) for row in found] == rows
    for row in found:
        assert row[6] == ("" if row[1] == "" else engine.dip(row[1]).status)
    assert sum(counts.values()) == len(rows)


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ("", AnnotateError, "is empty"),
        ("a,b\n1,2\n", MissingColumnError, "columns a, b"),
        ("n,n\n1,2\n", AnnotateError, "two columns"),
        ("n" * 200_000, AnnotateError, "no row of column names"),
        ("n,status\n1,2\n", AnnotateError, "'status' already"),
        ('x,n\n"1\n",2\n3\n', BadRowError, r"in\.csv, line 4; expected 2 fields; got 1: 3"),
        ("x,n\n1,2\n3,4,5\n", BadRowError, r"line 3; expected 2 fields; got 3"),
        ("x,n\n1,2\n\n\n3,4,5\n", BadRowError, r"line 5; expected 2 fields; got 3"),
        ('x,n\r\n1,2\r\n\r\n"3\r\n",4,5\r\n', BadRowError, r"line 4; expected 2 fields; got 3"),
        ("x,n\n1,2\r3,4\n", BadRowError, r"line 2; got .* inside a field"),
        ('x,n\n1,2\n"3,4\n5,6\n', BadRowError, r"line 3.*never closed"),
        ('x,n\n5" pipe,2\n6" pipe,3\n', BadRowError, r"line 2; got .*never closed"),
    ],
)
def test_what_is_no_table_is_refused_with_its_place(annotated, tmp_path, content, error, message):
    (tmp_path / "out.csv").write_text("was here")
    with pytest.raises(error, match=message):
        annotated(content)
    assert {path.name for path in tmp_path.iterdir()} == {"in.csv", "out.csv"}
    assert (tmp_path / "out.csv").read_text() == "was here"


def test_a_row_beyond_all_measure_is_refused_before_it_fills_memory(annotated, monkeypatch):
    monkeypatch.setattr(delimited, "_ROW_BYTES_MAX", 1000)
    monkeypatch.setattr(delimited, "_BLOCK_BYTES", 100)
    with pytest.raises(BadRowError, match="line 2"):
        annotated('x,n\n"' + "1,2\n" * 1000)


@pytest.mark.parametrize(
    "damage", [lambda content: content[:-20], lambda content: content[:60] + b"x" * 40 + content[100:]]
)
def test_a_damaged_compressed_file_is_refused(annotated, damage):
    content = gzip.compress(b"n\n" + b"".join(b"%d\n" % (number * number) for number in range(1000)))
    with pytest.raises(AnnotateError, match="gzip"):
        annotated(damage(content), suffix=".csv.gz")
