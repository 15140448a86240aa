"""A file of digests: what a node's table comes to, block by block, small enough to send; and rows of some blocks.

    blocks   Arrow IPC stream: block, count, routes, particulars (`reconciling.digests`), and whether rows follow;
             schema metadata `portdip.digests` holds the header
    ranges   Arrow IPC stream of `rows.RANGES`: all ranges, disjoint and in order
    numbers  Arrow IPC stream of `rows.NUMBERS`: the numbers of the blocks whose rows follow, in order
    seal     magic "PDBLOCK1", and the SHA-256 of every byte before

The header is a JSON object: `format` 1, and `dataset`, `sequence` and `digest` of the last delta in the table. Two
nodes far apart compare in two steps: one sends its digests; the other answers with its own, and with the rows of the
blocks that differ.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from portdip import files
from portdip.errors import DigestFileError
from portdip.exchange import rows
from portdip.table.reconciling.digests import Digester, Digests, Numbers, Particulars, in_blocks, is_in
from portdip.table.reconciling.in_force import InForce, Progress

_FORMAT_VERSION = 1
_METADATA = b"portdip.digests"
_MAGIC = b"PDBLOCK1"
_DIGEST_BYTES = 32
_READ_BYTES = 1 << 20
_FIGURES = ("count", "routes", "particulars")
_BLOCKS = pa.schema(
    [
        *(pa.field(name, pa.uint64(), nullable=False) for name in ("block", *_FIGURES)),
        pa.field("rows", pa.bool_(), nullable=False),
    ]
)
_COVERS = Particulars(donors=True, times=True)
_WRITING = pa.ipc.IpcWriteOptions(compression="zstd")


def write(path: Path, table: InForce, blocks: Numbers | None, progress: Progress) -> None:
    """Write the digests of `table`, and its rows of `blocks` if given, which are in order; atomically."""
    blocks = np.empty(0, dtype=np.uint64) if blocks is None else blocks
    digests = table.digests(_COVERS, progress)
    header = {
        "format": _FORMAT_VERSION,
        "dataset": table.head.dataset,
        "sequence": table.head.sequence,
        "digest": table.head.digest,
    }
    listed = np.union1d(digests.block, blocks)  # a block with nothing in it here has its rows, too: none
    figures = [digests.spread(listed, name) for name in _FIGURES]
    table_of_blocks = pa.record_batch([listed, *figures, is_in(listed, blocks)], schema=_BLOCKS)
    with files.replacing(path) as file:
        sealed = _Sealing(file)
        metadata = {_METADATA: json.dumps(header, separators=(",", ":"))}
        _put(sealed, _BLOCKS.with_metadata(metadata), iter([table_of_blocks]))
        _put(sealed, rows.RANGES, iter(table.ranges()))
        _put(sealed, rows.NUMBERS, table.rows(blocks, progress) if len(blocks) else iter(()))
        sealed.write(_MAGIC)
        file.write(sealed.digest)


class DigestFile:
    """A file of digests, checked and mapped. Raises DigestFileError where it cannot be used. For one thread."""

    #: It is read from no files that have rows to point at.
    sources: tuple[Path, ...] = ()

    def __init__(self, path: Path) -> None:
        self._path = path
        _check_seal(path)
        mapped = pa.py_buffer(files.map_readonly(path))
        content = mapped.slice(0, mapped.size - len(_MAGIC) - _DIGEST_BYTES)
        source = pa.BufferReader(content)
        try:
            reader = pa.ipc.open_stream(source)
            header = json.loads((reader.schema.metadata or {})[_METADATA])
            if header["format"] != _FORMAT_VERSION:
                raise ValueError(f"format {header['format']}")
            self.dataset, self.sequence = str(header["dataset"]), int(header["sequence"])
            blocks = _table(reader, _BLOCKS)
            self._ranges: list[pa.RecordBatch] = _table(pa.ipc.open_stream(source), rows.RANGES).to_batches()
            self._numbers = content.slice(source.tell())
        except (pa.ArrowException, ValueError, TypeError, KeyError) as error:
            raise self._malformed(str(error)) from error
        block, count, routes, particulars = (blocks.column(name).to_numpy() for name in ("block", *_FIGURES))
        if np.any(block[1:] <= block[:-1]):
            raise self._malformed("blocks that are not in order")
        self._digests = Digests(block, count, routes, particulars, _COVERS)
        self._with_rows: Numbers = block[blocks.column("rows").to_numpy()]

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self._path}, sequence {self.sequence}"

    def digests(self, wanted: Particulars, progress: Progress) -> Digests:
        """The digests of all numbers; of donors and times both, or of neither."""
        assert wanted in (_COVERS, Particulars(donors=False, times=False))
        found = self._digests
        return Digests(found.block, found.count, found.routes, found.particulars, wanted)

    def ranges(self) -> list[pa.RecordBatch]:
        """All ranges."""
        return self._ranges

    def rows(self, blocks: Numbers, progress: Progress) -> Iterator[pa.RecordBatch]:
        """The numbers of some of the blocks whose rows are here, in order; DigestFileError if they are others."""
        digester = Digester(_COVERS)
        try:
            reader = pa.ipc.open_stream(self._numbers)
            if reader.schema != rows.NUMBERS:
                raise self._malformed(", ".join(reader.schema.names))
            for batch in reader:
                batch.validate(full=True)
                chosen = batch.filter(pa.array(in_blocks(batch.column("number").to_numpy(), blocks)))
                digester.add(chosen)
                yield chosen
        except (pa.ArrowException, ValueError) as error:
            raise self._malformed(str(error)) from error
        if len(digester.finish().differing(self._digests.within(blocks))):
            raise self._malformed("rows that are not those of the digests")

    def with_rows(self, blocks: Numbers) -> Numbers:
        """Those blocks whose rows are here."""
        return blocks[is_in(blocks, self._with_rows)]

    def _malformed(self, got: str) -> DigestFileError:
        return DigestFileError("not a file of digests of this version", where=str(self._path), got=got[:200])


class _Sealing(io.RawIOBase):
    """A file to write to that adds up the SHA-256 of what is written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()

    @property
    def digest(self) -> bytes:
        """Of all that was written so far."""
        return self._sha256.digest()

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, content: object) -> int:
        """Write on."""
        view = memoryview(content).cast("B")  # type: ignore[arg-type]
        self._sha256.update(view)
        return self._file.write(view)


def _put(file: _Sealing, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> None:
    with pa.ipc.new_stream(pa.PythonFile(file, "w"), schema, options=_WRITING) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _table(reader: pa.ipc.RecordBatchStreamReader, expected: pa.Schema) -> pa.Table:
    if reader.schema.remove_metadata() != expected:
        raise ValueError(", ".join(reader.schema.names))
    table = reader.read_all()
    table.validate(full=True)
    return table


def _check_seal(path: Path) -> None:
    """DigestFileError unless the file ends in the seal of what is before."""
    sha256 = hashlib.sha256()
    kept = b""
    for block in files.read_blocks(path, _READ_BYTES):
        kept += block
        sha256.update(memoryview(kept)[: -len(_MAGIC) - _DIGEST_BYTES])
        kept = kept[-len(_MAGIC) - _DIGEST_BYTES :]
    magic, digest = kept[:-_DIGEST_BYTES], kept[-_DIGEST_BYTES:]
    sha256.update(magic)
    if magic != _MAGIC or sha256.digest() != digest:
        raise DigestFileError(
            "the file of digests is damaged, or is none",
            where=str(path),
            fix="Fetch it again, or write it again with portdip reconcile STORE --write-digests FILE.",
        )
