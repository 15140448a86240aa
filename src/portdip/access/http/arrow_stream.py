"""Numbers as an Arrow IPC stream, answers as another one: message by message, so that memory stays bounded.

A stream is messages (https://arrow.apache.org/docs/format/Columnar.html#encapsulated-message-format):

    FF FF FF FF   length of the metadata (int32, little-endian)   metadata (flatbuffer `Message`)   body

and ends with a length of 0, or where its bytes end. The first message is the schema; each of the others is a record
batch. The metadata says how long the body is: that is all we read of it ourselves, to hold no more than one message of
at most MESSAGE_BYTES_MAX, and that the body is not compressed, so that it is not larger than it looks. The rest is
pyarrow's, which checks all of it, but what lies under nulls, before a byte is used.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from portdip.access.http.problems import Problem
from portdip.lookup.answers import SCHEMA, STATUSES, answer, range_holders
from portdip.lookup.generation import Generation

MEDIA_TYPE = "application/vnd.apache.arrow.stream"
#: The largest message that is taken: a batch of a million numbers, as integers or as text.
MESSAGE_BYTES_MAX = 24 << 20
#: Rows of a batch of answers: what is rendered before any of it is sent.
_ROWS = 32_768
COLUMN = "number"
TYPES = ("uint64", "string", "large_string", "string_view")

_PREFIX = struct.Struct("<Ii")
_CONTINUES = 0xFFFFFFFF
_METADATA_MAX = 1 << 16
_RECORD_BATCH = 3  # `MessageHeader`
#: Fields of the flatbuffer tables `Message` and `RecordBatch`, by their place in the vtable.
_HEADER_TYPE, _HEADER, _BODY_LENGTH = 1, 2, 3
_COMPRESSION = 3


@dataclass(frozen=True, slots=True)
class Head:
    """What the metadata of a message says: its kind, the bytes of its body, and whether they are compressed."""

    kind: int
    body_bytes: int
    is_compressed: bool


class MessageSplitter:
    """Cuts bytes that come in pieces into the messages of a stream. Holds no more than one message and one piece."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._needed = _PREFIX.size
        #: The stream has ended; what comes after that is not looked at.
        self.is_over = False

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The messages that are complete with `piece`. Raises Problem for what is no Arrow stream, or too large."""
        self._held += piece
        while not self.is_over and len(self._held) >= self._needed:
            self._needed = self._message_bytes()
            if not self.is_over and len(self._held) >= self._needed:
                message = bytes(memoryview(self._held)[: self._needed])
                del self._held[: self._needed]
                self._needed = _PREFIX.size
                yield message

    def finish(self) -> None:
        """The bytes have ended. Raises Problem where that is in the middle of a message."""
        if self._held and not self.is_over:
            raise malformed("it ends within a message")

    def _message_bytes(self) -> int:
        """How many bytes must be there to know more: of the whole message, once its metadata is there."""
        if len(self._held) < _PREFIX.size:
            return _PREFIX.size
        mark, metadata_bytes = map(int, _PREFIX.unpack_from(self._held))
        if mark != _CONTINUES:
            raise malformed("a message does not begin with FF FF FF FF")
        if metadata_bytes == 0:
            self.is_over = True
            return _PREFIX.size
        if not 0 < metadata_bytes <= _METADATA_MAX:
            raise malformed(f"metadata of {metadata_bytes} bytes, at most {_METADATA_MAX}")
        before_body = _PREFIX.size + metadata_bytes
        if len(self._held) < before_body:
            return before_body
        head = read_head(bytes(memoryview(self._held)[_PREFIX.size : before_body]))
        if head.is_compressed:
            raise Problem(422, "unprocessable", "The buffers are compressed. Send them as they are.")
        if not 0 <= head.body_bytes <= MESSAGE_BYTES_MAX:
            raise Problem(
                413, "too-large", f"A record batch has at most {MESSAGE_BYTES_MAX} bytes. Send more and smaller ones."
            )
        return before_body + head.body_bytes


def read_head(metadata: bytes) -> Head:
    """What we need of a flatbuffer `Message`. Raises Problem where an offset points outside."""
    try:
        message = _read("<I", metadata, 0)
        kind = _field(metadata, message, _HEADER_TYPE, "<B")
        body_bytes = _field(metadata, message, _BODY_LENGTH, "<q")
        inner = _place(metadata, message, _HEADER)
        header = inner + _read("<I", metadata, inner) if inner else 0
        is_compressed = kind == _RECORD_BATCH and _place(metadata, header, _COMPRESSION) != 0
    except struct.error as error:
        raise malformed("metadata points outside itself") from error
    return Head(kind, body_bytes, is_compressed)


def _place(metadata: bytes, table: int, field: int) -> int:
    """Where a field of a flatbuffer table is, 0 where it is not there."""
    vtable = table - _read("<i", metadata, table)
    size = _read("<H", metadata, vtable)
    slot = 4 + 2 * field
    offset = _read("<H", metadata, vtable + slot) if slot + 2 <= size else 0
    return table + offset if offset else 0


def _field(metadata: bytes, table: int, field: int, layout: str) -> int:
    place = _place(metadata, table, field)
    return _read(layout, metadata, place) if place else 0


def _read(layout: str, metadata: bytes, place: int) -> int:
    if place < 0:  # struct would count it from the end
        raise struct.error
    (value,) = struct.unpack_from(layout, metadata, place)
    return int(value)


class ArrowDips:
    """Answers the messages of one stream, all of them from one generation. For one thread at a time."""

    def __init__(self, generation: Generation) -> None:
        self._generation = generation
        self._schema: pa.Schema | None = None
        self._answered: pa.Schema | None = None
        self._sink = io.BytesIO()
        self._writer: pa.ipc.RecordBatchStreamWriter | None = None
        #: Dips by outcome: ported, native, unallocated, invalid.
        self.counts = np.zeros(len(STATUSES), dtype=np.int64)

    def answer(self, message: bytes) -> Iterator[tuple[bytes, int, bool]]:
        """The bytes that answer a message, a batch of answers at a time; how many dips are in them; are they the last?

        Raises Problem for a message that is none, or other columns than one that holds numbers.
        """
        try:
            if self._schema is None:
                self._open(pa.ipc.read_schema(pa.py_buffer(message)))
                yield b"", 0, True  # the schema goes out with the first batch
                return
            parsed = pa.ipc.read_message(message)
            if parsed.type != "record batch":
                raise malformed(f"a {parsed.type} where a record batch should be")
            batch = pa.ipc.read_record_batch(parsed, self._schema)
            batch.validate(full=True)
        except (pa.ArrowException, OSError, EOFError, UnicodeError) as error:
            raise malformed(str(error).partition("\n")[0][:200]) from error
        for row in range(0, max(len(batch), 1), _ROWS):
            numbers = batch.column(0).slice(row, _ROWS)
            yield self._answer(numbers), len(numbers), row + _ROWS >= len(batch)

    def finish(self) -> bytes:
        """The bytes that end the answer. Raises Problem if not even a schema came."""
        if self._writer is None:
            raise malformed("it has no schema")
        self._writer.close()
        return self._rendered()

    def _open(self, schema: pa.Schema) -> None:
        if len(schema) != 1 or schema.field(0).name != COLUMN or str(schema.field(0).type) not in TYPES:
            raise Problem(
                422, "unprocessable", f"Send one column, named {COLUMN!r}, of one of the types {', '.join(TYPES)}."
            )
        self._schema = schema
        generation = self._generation
        says = {"sequence": str(generation.sequence), "as_of": generation.as_of.isoformat()}
        holder = SCHEMA.field("carrier").with_name("range_holder")
        self._answered = pa.schema([schema.field(0), *SCHEMA, holder], metadata={"dataset": generation.dataset} | says)
        self._writer = pa.ipc.new_stream(self._sink, self._answered)

    def _answer(self, numbers: pa.Array) -> bytes:
        generation = self._generation
        answers = answer(generation.index, generation.labels, numbers)
        holders = range_holders(generation.index, generation.labels, numbers)
        writer: Any = self._writer
        writer.write_batch(pa.RecordBatch.from_arrays([numbers, *answers.columns, holders], schema=self._answered))
        status = answers.column("status").indices
        self.counts += np.bincount(status.drop_null().to_numpy(), minlength=len(STATUSES))
        return self._rendered()

    def _rendered(self) -> bytes:
        rendered = self._sink.getvalue()
        self._sink.seek(0)
        self._sink.truncate()
        return rendered


def malformed(what: str) -> Problem:
    """The problem of a body that is no Arrow stream."""
    return Problem(400, "malformed", f"The body is no Arrow IPC stream as {MEDIA_TYPE} is defined: {what}.")
