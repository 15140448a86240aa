"""Streams of record batches to files and to standard output, as the name of the file says."""

from __future__ import annotations

import contextlib
import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv, types

from portdip import files
from portdip.errors import AnnotateError

SUFFIXES = (".parquet", ".arrow", ".arrows", ".csv", ".csv.gz")


def write(reader: pa.RecordBatchReader, target: Path) -> int:
    """Write all batches to `target`, which appears when it is complete; how many rows.

    The name's end says the format: Parquet (.parquet), Arrow (.arrow, .arrows for a stream) or CSV (.csv, .csv.gz).
    Raises AnnotateError for any other, before anything is read.
    """
    suffix = next((suffix for suffix in SUFFIXES if target.name.endswith(suffix)), None)
    if suffix is None:
        raise AnnotateError(
            "not a format to write", where=str(target), expected=f"a name that ends in {', '.join(SUFFIXES)}"
        )
    with files.replacing(target) as file, _writing(suffix, file, reader.schema) as put:
        return _copy(reader, put)


def write_text(reader: pa.RecordBatchReader, file: BinaryIO) -> int:
    """Write all batches to an open file as CSV with a header; how many rows."""
    with _writing(".csv", file, reader.schema) as put:
        return _copy(reader, put)


def _copy(reader: pa.RecordBatchReader, put: Callable[[pa.RecordBatch], Any]) -> int:
    rows = 0
    for batch in reader:
        put(batch)
        rows += len(batch)
    return rows


@contextlib.contextmanager
def _writing(suffix: str, file: BinaryIO, schema: pa.Schema) -> Iterator[Callable[[pa.RecordBatch], Any]]:
    """What takes the batches."""
    if suffix in (".csv", ".csv.gz"):
        with _text(suffix, file) as sink:
            plain = pa.schema([field.with_type(_plain(field.type)) for field in schema])
            with csv.CSVWriter(sink, plain, write_options=csv.WriteOptions(quoting_style="needed")) as writer:
                yield lambda batch: writer.write_batch(batch.cast(plain))
    else:
        makers = {".parquet": pq.ParquetWriter, ".arrow": pa.ipc.new_file, ".arrows": pa.ipc.new_stream}
        # An Arrow file may hold one dictionary for a column only; in a stream, a batch that differs brings its own.
        with makers[suffix](file, schema) as writer:
            yield writer.write_batch


@contextlib.contextmanager
def _text(suffix: str, file: BinaryIO) -> Iterator[Any]:
    if suffix == ".csv":
        yield file
        return
    with gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=0, compresslevel=6) as packed:
        yield packed


def _plain(kind: pa.DataType) -> pa.DataType:
    """What a column is in text: what its dictionary holds."""
    return kind.value_type if types.is_dictionary(kind) else kind
