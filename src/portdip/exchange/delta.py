"""The delta format, version 1: an Arrow IPC stream of changes, and a seal.

    body     Arrow IPC stream, one or more record batches of `changes.CHANGES`, buffers zstd-compressed;
             schema metadata `portdip.delta` holds the header; at most 50,000 rows
    checks   xxh3-64 of each 4 KiB page of the body, 8 bytes each, little endian; the last page may be shorter
    trailer  112 bytes: magic "PDDELTA1", body length (u64, little endian), digest (32), signature (64)

The header is a JSON object: `format` 1, `dataset`, `sequence` (dense, from 1), `previous` (the digest of the delta
before, hex), `rows`, `created` (ISO 8601, UTC), `signer` (id of a key, or ""). Other names in it mean nothing.

    digest    = SHA-256 of every byte before the digest: body, checks, magic, body length
    signature = Ed25519 over "portdip delta\\n" and the digest (RFC 8032); zeros where signer is ""

`previous` is inside what the digest covers, so each digest vouches for the whole chain before it. The checks say
where a file has rotted; they are no protection against anyone. Whatever reads Arrow reads the body, which ends in
Arrow's own end-of-stream mark: `pyarrow.ipc.open_stream(file).read_all()`.

The last byte of the magic is the format version. Trailer and digest are the same in every version, so that a file
of a later one can be told from a damaged one.

Reading has two steps, so that a node looks at the chain and the signature before it unpacks rows that anyone may
have written: `open_sealed` checks the seal and reads the header, `Sealed.open` gives the rows, each of which keeps the
rules of `portdip.exchange.change_rules`. `decode` is both.

A worked example; of one release, 8613800138000, in dataset "demo":

>>> from datetime import UTC, datetime
>>> from portdip.exchange.changes import Operation, batch
>>> rows = batch(operation=[Operation.RELEASE], number=[8613800138000])
>>> header = Header("demo", 1, "00" * 32, 1, datetime(2026, 1, 2, tzinfo=UTC), "")
>>> content = encode(header, rows, None)
>>> content[-112:-104], int.from_bytes(content[-104:-96], "little") == len(content) - 112 - 8
(b'PDDELTA1', True)
>>> hashlib.sha256(content[:-96]).digest() == content[-96:-64] == bytes.fromhex(decode(content, "x").digest)
True
>>> pa.ipc.open_stream(content).read_all().column("number").to_pylist()
[8613800138000]

Every function here may be called from any thread.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import xxhash

from portdip.errors import DamagedDeltaError, DeltaVersionError, MalformedDeltaError, TornDeltaError
from portdip.exchange import change_rules
from portdip.exchange.changes import CHANGES

FORMAT_VERSION = 1
#: The most rows of one delta.
ROWS_MAX = 50_000
#: What the name of a delta's file ends in.
SUFFIX = ".delta"

_METADATA = b"portdip.delta"
_MAGIC = b"PDDELTA"
_VERSION = str(FORMAT_VERSION).encode()
_PAGE = 4096
_CHECK = np.dtype("<u8")
_LENGTH = struct.Struct("<Q")
_TRAILER = struct.Struct("<7scQ32s64s")
_DIGEST_AND_SIGNATURE = 96
_SIGNED = b"portdip delta\n"
_UNSIGNED = bytes(64)
_WRITING = pa.ipc.IpcWriteOptions(compression="zstd", use_threads=False)
_READING = pa.ipc.IpcReadOptions(use_threads=False)
#: The fields of a header: their type in JSON, and whether a value is possible.
_FIELDS: dict[str, tuple[type, Callable[[Any], object]]] = {
    "dataset": (str, bool),
    "sequence": (int, lambda value: 1 <= value < 10**20),
    "previous": (str, re.compile("[0-9a-f]{64}").fullmatch),
    "rows": (int, lambda value: 0 <= value <= ROWS_MAX),
    "created": (str, bool),
    "signer": (str, re.compile("[0-9a-f]{16}|").fullmatch),
}
_FETCH = "Fetch the file again from where it came."


class Signer(Protocol):
    """A private key; `portdip.exchange.keys.SigningKey`."""

    @property
    def id(self) -> str:
        """The id of the key."""

    def sign(self, message: bytes) -> bytes:
        """The Ed25519 signature of the message, 64 bytes."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a delta says of itself; the module's docstring explains the fields."""

    dataset: str
    sequence: int
    previous: str
    rows: int
    created: datetime
    signer: str


@dataclass(frozen=True, slots=True)
class Sealed:
    """A delta whose bytes are what was sealed, its rows not looked at.

    Whether it continues a chain, and who may sign, others check. `digest` is 64 hex digits, `content` all bytes of the
    file.
    """

    header: Header
    digest: str
    signature: bytes
    content: bytes

    @property
    def sequence(self) -> int:
        """The place in the chain, from 1."""
        return self.header.sequence

    @property
    def signed_message(self) -> bytes:
        """What the signature is over."""
        return _SIGNED + bytes.fromhex(self.digest)

    def open(self, where: str) -> Delta:
        """The delta with its rows; `where` names it in errors. Raises MalformedDeltaError if the writer did wrong."""
        return Delta(self.header, self.digest, self.signature, self.content, _rows(self, where))


@dataclass(frozen=True, slots=True)
class Delta(Sealed):
    """A delta and its rows, schema `changes.CHANGES`, none of which breaks a rule of `change_rules`."""

    rows: pa.Table


def encode(header: Header, rows: pa.RecordBatch, signer: Signer | None) -> bytes:
    """The bytes of a delta. `header.signer` and `header.rows` must tell of the signer and the rows given."""
    assert header.signer == (signer.id if signer else "")
    assert header.rows == len(rows) <= ROWS_MAX
    metadata = {_METADATA: json.dumps(_as_json(header), separators=(",", ":"))}
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, CHANGES.with_metadata(metadata), options=_WRITING) as writer:
        writer.write_batch(rows)
    body: bytes = sink.getvalue().to_pybytes()
    sealed = body + _checks(body).tobytes() + _MAGIC + _VERSION + _LENGTH.pack(len(body))
    digest = hashlib.sha256(sealed).digest()
    return sealed + digest + (signer.sign(_SIGNED + digest) if signer else _UNSIGNED)


def decode(content: bytes, where: str) -> Delta:
    """The delta in `content`; `where` names it in errors. The signature is not checked here.

    Raises what `open_sealed` and `Sealed.open` raise.
    """
    return open_sealed(content, where).open(where)


def open_sealed(content: bytes, where: str) -> Sealed:
    """The delta in `content`, its rows not looked at; `where` names it in errors. The signature is not checked here.

    Raises TornDeltaError where the end is missing, DamagedDeltaError with the offset for any other byte that is
    not as it was sealed, DeltaVersionError for a later format, MalformedDeltaError for a header that is none.
    """
    size = len(content)
    if size < _TRAILER.size:
        raise _torn(size, where)
    magic, version, length, digest, signature = _TRAILER.unpack_from(content, size - _TRAILER.size)
    if not _is_seal(magic, size, length):
        raise _torn(size, where)
    if hashlib.sha256(memoryview(content)[:-_DIGEST_AND_SIGNATURE]).digest() != digest:
        raise _damaged(content, length, where)
    if magic != _MAGIC or version != _VERSION:
        raise DeltaVersionError(
            "the delta is of another format version",
            where=where,
            expected=str(FORMAT_VERSION),
            got=(magic + version).decode(errors="replace"),
            fix="Update portdip.",
        )
    if not _adds_up(size, length):
        raise MalformedDeltaError("the seal contradicts the size of the delta", where=where)
    header = _header(content, length, where)
    if not header.signer and signature != _UNSIGNED:
        raise DamagedDeltaError("an unsigned delta has a signature", where=f"{where}, offset {size - 64}", fix=_FETCH)
    return Sealed(header, digest.hex(), signature, content)


def _header(content: bytes, length: int, where: str) -> Header:
    try:
        schema = pa.ipc.open_stream(pa.py_buffer(content).slice(0, length), options=_READING).schema
        if schema.remove_metadata() != CHANGES:
            raise MalformedDeltaError("the delta has other columns", where=where, got=", ".join(schema.names))
        facts = json.loads((schema.metadata or {})[_METADATA])
        if facts["format"] != FORMAT_VERSION:
            raise ValueError(f"format {facts['format']}")
        return header_of_json(facts)
    except (pa.ArrowException, ValueError, TypeError, KeyError, OSError, RecursionError) as error:
        raise MalformedDeltaError("the delta has no header", where=where, got=_shortened(error)) from error


def _rows(sealed: Sealed, where: str) -> pa.Table:
    """The rows of a body that is as it was sealed: what is wrong here, the writer did wrong."""
    content = sealed.content
    (length,) = _LENGTH.unpack_from(content, len(content) - _TRAILER.size + len(_MAGIC + _VERSION))
    parts: list[pa.RecordBatch] = []
    count = 0
    try:
        reader = pa.ipc.open_stream(pa.py_buffer(content).slice(0, length), options=_READING)
        for part in reader:
            part.validate(full=True)  # Arrow trusts what it reads: offsets that point outside would be followed
            _check_rules(part, count, where)
            parts.append(part)
            count += len(part)
            if count > sealed.header.rows:
                break
    except (pa.ArrowException, ValueError, OSError) as error:
        raise MalformedDeltaError("the rows cannot be read", where=where, got=_shortened(error)) from error
    if count != sealed.header.rows:
        raise MalformedDeltaError(
            "the header contradicts the rows", where=where, expected=f"{sealed.header.rows} rows", got=f"{count} rows"
        )
    return pa.Table.from_batches(parts, reader.schema).replace_schema_metadata(None)


def _check_rules(part: pa.RecordBatch, rows_before: int, where: str) -> None:
    found = change_rules.first_fault(part, in_delta=True)
    if found:
        index, reason = found
        raise MalformedDeltaError("a row makes no sense", where=f"{where}, row {rows_before + index + 1}", got=reason)


def _torn(size: int, where: str) -> TornDeltaError:
    return TornDeltaError(
        "the delta ends before its seal", where=f"{where}, offset {size}", expected="a seal at the end", fix=_FETCH
    )


def _is_seal(magic: bytes, size: int, length: int) -> bool:
    """Whether a file ends in a seal, perhaps a damaged one; else in what happens to stand where it was cut."""
    alike = sum(one == other for one, other in zip(magic, _MAGIC, strict=True))
    return magic == _MAGIC or (alike > len(_MAGIC) // 2 and _adds_up(size, length))


def _adds_up(size: int, length: int) -> bool:
    """Whether a file of this size can have a body of this length."""
    return length + _pages(length) * _CHECK.itemsize + _TRAILER.size == size


def _pages(length: int) -> int:
    return -(-length // _PAGE)


def _damaged(content: bytes, length: int, where: str) -> DamagedDeltaError:
    """What to say of content that fails its digest: the first bad page where the checks can tell it."""
    offset = len(content) - _TRAILER.size
    if _adds_up(len(content), length):
        kept = np.frombuffer(content, _CHECK, _pages(length), length)
        bad = np.flatnonzero(kept != _checks(content[:length]))
        if len(bad):
            offset = int(bad[0]) * _PAGE
    return DamagedDeltaError(
        "the delta is damaged", where=f"{where}, offset {offset}", expected="the bytes that were sealed", fix=_FETCH
    )


def _checks(body: bytes) -> np.ndarray[Any, np.dtype[np.uint64]]:
    view = memoryview(body)
    return np.array([xxhash.xxh3_64_intdigest(view[at : at + _PAGE]) for at in range(0, len(body), _PAGE)], _CHECK)


def _as_json(header: Header) -> dict[str, object]:
    return {
        "format": FORMAT_VERSION,
        "dataset": header.dataset,
        "sequence": header.sequence,
        "previous": header.previous,
        "rows": header.rows,
        "created": header.created.isoformat(),
        "signer": header.signer,
    }


def header_of_json(facts: dict[str, Any]) -> Header:
    """The header from its JSON object; ValueError, TypeError or KeyError, naming the field, for what is none."""
    for name, (kind, is_possible) in _FIELDS.items():
        value = facts[name]
        if type(value) is not kind or not is_possible(value):
            raise ValueError(f"{name} {value!r}")
    return Header(**{name: facts[name] for name in _FIELDS} | {"created": _utc(facts["created"])})


def _utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.utcoffset() != timedelta(0):
        raise ValueError(f"created {text!r}, not in UTC")
    return moment


def _shortened(error: BaseException) -> str:
    return str(error)[:200]
