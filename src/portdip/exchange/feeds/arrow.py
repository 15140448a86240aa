"""Arrow IPC files and streams, columns as the column map says (`portdip.exchange.column_map`).

A file begins with ARROW1, anything else is taken as a stream. Layout:
https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from portdip.exchange import mapped_rows
from portdip.exchange.column_map import ColumnMap
from portdip.exchange.feeds.options import BadRows, Options
from portdip.exchange.reading import Chunk, Opened
from portdip.exchange.untrusted import check_arrow

NEEDS_FILES = True

_FILE_MAGIC = b"ARROW1"
_BATCH_ROWS = 1 << 18


def rows(files: list[Path], options: Options) -> Iterator[pa.RecordBatch]:
    """The rows of the files, in their order. Raises as `mapped_rows.read` does."""
    return mapped_rows.read(files, options, open_file)


def open_file(path: Path, mapping: ColumnMap, bad_rows: BadRows) -> Opened:
    """Open one file; the column map and what becomes of bad rows are nothing to this kind of file."""
    source = pa.memory_map(str(path))
    is_file = source.read(len(_FILE_MAGIC)) == _FILE_MAGIC
    source.seek(0)
    reader = pa.ipc.open_file(source) if is_file else pa.ipc.open_stream(source)

    def read(positions: list[int]) -> Iterator[Chunk]:
        row = 1
        batches = map(reader.get_batch, range(reader.num_record_batches)) if is_file else reader
        with source:
            for batch in batches:
                for start in range(0, len(batch), _BATCH_ROWS):
                    part = batch.slice(start, _BATCH_ROWS)
                    columns = [part.column(position) for position in positions]
                    check_arrow(columns)
                    yield (
                        columns,
                        np.arange(row, row + len(part), dtype=np.uint64),
                    )
                    row += len(part)

    return Opened(reader.schema.names, read)
