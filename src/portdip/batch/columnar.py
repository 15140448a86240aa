"""Parquet and Arrow files, annotated batch by batch. All other columns pass as they came."""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from portdip import files
from portdip.batch import columns, times
from portdip.batch.piece import Answered, Piece
from portdip.batch.place import Place
from portdip.batch.question import Question, Tally
from portdip.errors import AnnotateError
from portdip.exchange.untrusted import check_arrow, check_parquet
from portdip.lookup.engine import Engine

#: Small enough that the batches under way fit in memory whatever their columns, large enough for a row group.
_BATCH_ROWS = 131_072
_BUFFER_BYTES = 1 << 20


class Columnar:
    """One Parquet or Arrow file. `read` and `writing` belong to one thread each, `answer` to any."""

    def __init__(
        self, engine: Engine, source: Place, target: Place, question: Question, row_groups: range | None = None
    ) -> None:
        self._engine = engine
        self._target = target
        self._source = source
        self._question = question
        with _readable(source):
            schema, self._batches = _open(source, row_groups)
            self._place = columns.find(schema.names, question.column, source)
            columns.check(schema.field(self._place).type, question.column, source)
            self._at_place: int | None = None
            if question.at_column is not None:
                self._at_place = columns.find(schema.names, question.at_column, source, "--at-column")
                times.check(schema.field(self._at_place).type, question.at_column, question.time_zone, source)
            for field in columns.added(schema.names, question.prefix, source):
                schema = schema.append(field)
        self._schema = schema

    def read(self) -> Iterator[Piece[pa.RecordBatch]]:
        """The batches of the source."""
        with _readable(self._source):
            yield from self._batches

    def answer(self, piece: Piece[pa.RecordBatch]) -> Answered[pa.RecordBatch]:
        """A batch with its answers beside it."""
        batch = piece.content
        with _readable(self._source):
            others = batch.columns
            (check_parquet if self._source.suffix == ".parquet" else check_arrow)(others)
            numbers = columns.readable(others[self._place], self._question.region)
            moments = None
            if self._at_place is not None:
                name = self._question.at_column or ""
                moments = times.moments(others[self._at_place], name, self._question.time_zone, self._source)
        answers = self._engine.annotate(numbers, at=moments)
        both = pa.RecordBatch.from_arrays([*others, *answers.columns], schema=self._schema)
        return Answered(both, piece.share, Tally.of(answers))

    @contextlib.contextmanager
    def writing(self, file: BinaryIO) -> Iterator[Callable[[pa.RecordBatch], Any]]:
        """What takes the annotated batches in order and writes them to `file`, as the target's name says."""
        makers = {".parquet": pq.ParquetWriter, ".arrow": _arrow_writer, ".arrows": pa.ipc.new_stream}
        try:
            with makers[self._target.suffix](file, self._schema) as writer:
                if self._target.suffix == ".arrow":
                    grown = _GrowingDictionaries()
                    yield lambda batch: writer.write_batch(grown.of(batch))
                else:
                    yield writer.write_batch
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise AnnotateError(
                f"a column cannot be written as {self._target.suffix}",
                where=str(self._target),
                got=str(error),
            ) from error


class _GrowingDictionaries:
    """Batches with dictionaries that only grow from one to the next: no others fit into an Arrow file."""

    def __init__(self) -> None:
        self._known: dict[int, pa.Array] = {}

    def of(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The same values; ArrowInvalid where there are more of them than the type of the indices can count."""
        columns = batch.columns
        for place, column in enumerate(columns):
            if pa.types.is_dictionary(column.type):
                columns[place] = self._grown(place, column)
        return pa.RecordBatch.from_arrays(columns, schema=batch.schema)

    def _grown(self, place: int, column: pa.DictionaryArray) -> pa.DictionaryArray:
        known = self._known.setdefault(place, column.dictionary)
        if known is column.dictionary or known.equals(column.dictionary):
            return pa.DictionaryArray.from_arrays(column.indices, known)
        new = column.dictionary.filter(pc.is_null(pc.index_in(column.dictionary, known)))
        known = self._known[place] = pa.concat_arrays([known, new])
        places = pc.index_in(column.dictionary, known).cast(column.type.index_type)
        return pa.DictionaryArray.from_arrays(places.take(column.indices), known)


def _arrow_writer(file: BinaryIO, schema: pa.Schema) -> pa.ipc.RecordBatchFileWriter:
    return pa.ipc.new_file(file, schema, options=pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True))


@contextlib.contextmanager
def _readable(source: Place) -> Iterator[None]:
    """Says which file it is that Arrow cannot read, and leaves what the system says of it alone."""
    try:
        yield
    except (
        pa.ArrowException,
        ValueError,
        KeyError,
        OSError,
    ) as error:  # KeyError: a type that pyarrow has no class for
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise AnnotateError(f"the file cannot be read as {source.suffix}", where=str(source), got=str(error)) from error


def _open(source: Place, row_groups: range | None) -> tuple[pa.Schema, Iterator[Piece[pa.RecordBatch]]]:
    if source.path is None or source.suffix == ".arrows":
        stream = source.stream if source.path is None else pa.OSFile(str(source.path))
        reader = pa.ipc.open_stream(stream)
        return reader.schema, _arrow_stream(reader, None if source.path is None else stream)
    if source.suffix == ".parquet":
        # Read ahead (`pre_buffer`), it would keep every byte read until the end.
        parquet = pq.ParquetFile(source.path, buffer_size=_BUFFER_BYTES, pre_buffer=False)
        return parquet.schema_arrow, _parquet(parquet, row_groups)
    # Mapped, so that a batch larger than memory is read a slice at a time.
    mapped = files.map_readonly(source.path)
    reader = pa.ipc.open_file(pa.py_buffer(mapped))
    return reader.schema, _arrow(reader, mapped)


def _parquet(parquet: pq.ParquetFile, row_groups: range | None) -> Iterator[Piece[pa.RecordBatch]]:
    groups = range(parquet.metadata.num_row_groups) if row_groups is None else row_groups
    rows, done = sum(parquet.metadata.row_group(group).num_rows for group in groups), 0
    for batch in parquet.iter_batches(_BATCH_ROWS, list(groups)):
        done += len(batch)
        yield Piece(batch, done / max(rows, 1))


def _arrow(reader: pa.ipc.RecordBatchFileReader, mapped: mmap.mmap) -> Iterator[Piece[pa.RecordBatch]]:
    for place in range(reader.num_record_batches):
        batch = reader.get_batch(place)
        for row in range(0, len(batch), _BATCH_ROWS):
            done = min(1.0, (row + _BATCH_ROWS) / len(batch))
            yield Piece(batch.slice(row, _BATCH_ROWS), (place + done) / reader.num_record_batches)
            # Give back the pages read so far; batches under way fetch theirs again from the system's cache.
            mapped.madvise(mmap.MADV_DONTNEED)


def _arrow_stream(reader: pa.ipc.RecordBatchStreamReader, stream: pa.OSFile | None) -> Iterator[Piece[pa.RecordBatch]]:
    for batch in reader:
        yield Piece(batch, stream.tell() / stream.size() if stream else None)
