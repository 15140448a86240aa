"""Parquet files, columns as the column map says (`portdip.exchange.column_map`).

Read a batch of rows at a time. `number` may be text or integers of any width. Layout:
https://parquet.apache.org.
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
from portdip.exchange.untrusted import check_parquet

NEEDS_FILES = True

_BATCH_ROWS = 1 << 18


def rows(files: list[Path], options: Options) -> Iterator[pa.RecordBatch]:
    """The rows of the files, in their order. Raises as `mapped_rows.read` does."""
    return mapped_rows.read(files, options, open_file)


def open_file(path: Path, mapping: ColumnMap, bad_rows: BadRows) -> Opened:
    """Open one file; the column map and what becomes of bad rows are nothing to this kind of file."""
    from pyarrow import parquet

    file = parquet.ParquetFile(path, memory_map=True)
    names = file.schema_arrow.names

    def read(positions: list[int]) -> Iterator[Chunk]:
        row = 1
        with file:
            for batch in file.iter_batches(_BATCH_ROWS, columns=[names[position] for position in positions]):
                columns = [batch.column(names[position]) for position in positions]
                check_parquet(columns)
                yield (
                    columns,
                    np.arange(row, row + len(batch), dtype=np.uint64),
                )
                row += len(batch)

    return Opened(names, read)
