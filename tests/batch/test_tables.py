"""Streams of batches become files, whole or not at all."""

import io

import pyarrow as pa
import pytest

from portdip.batch.tables import write, write_text
from portdip.errors import AnnotateError

SCHEMA = pa.schema([("number", pa.uint64()), ("carrier", pa.dictionary(pa.int32(), pa.string()))])


def batches(*carriers: list[str | None]) -> pa.RecordBatchReader:
    """Batches with dictionaries of their own."""
    made = (
        pa.record_batch(
            [pa.array(range(len(each)), pa.uint64()), pa.array(each, pa.string()).dictionary_encode()], schema=SCHEMA
        )
        for each in carriers
    )
    return pa.RecordBatchReader.from_batches(SCHEMA, made)


@pytest.mark.parametrize("suffix", [".parquet", ".arrows", ".csv", ".csv.gz"])
def test_batches_with_other_dictionaries_are_one_table(tmp_path, suffix):
    assert write(batches(["A", None], ["B"]), tmp_path / f"x{suffix}") == 3


def test_text_has_a_header_and_empty_fields_for_nulls():
    out = io.BytesIO()
    assert write_text(batches(['say "A", B', None]), out) == 2
    assert out.getvalue() == b'"number","carrier"\n0,"say ""A"", B"\n1,\n'


def test_what_fails_on_the_way_leaves_what_was_there(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("before")

    def broken():
        yield from batches(["A"])
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        write(pa.RecordBatchReader.from_batches(SCHEMA, broken()), path)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("x.csv", "before")]


def test_another_name_is_refused(tmp_path):
    with pytest.raises(AnnotateError, match=r"a name that ends in \.parquet"):
        write(batches(["A"]), tmp_path / "x.txt")
