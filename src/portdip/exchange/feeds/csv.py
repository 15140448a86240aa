"""CSV files, plain or `.gz`, columns as the column map says (`portdip.exchange.column_map`).

Delimiter, encoding and header come from the map; fields may be quoted with '"'. How lines are counted:
`portdip.exchange.delimited`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from portdip.exchange import delimited, mapped_rows
from portdip.exchange.column_map import ColumnMap
from portdip.exchange.feeds.options import BadRows, Options
from portdip.exchange.reading import Opened, Source

NEEDS_FILES = True


def rows(files: list[Path], options: Options) -> Iterator[pa.RecordBatch]:
    """The rows of the files, in their order. Raises as `mapped_rows.read` does."""
    return mapped_rows.read(files, options, _open)


def _open(path: Path, mapping: ColumnMap, bad_rows: BadRows) -> Opened:
    form = delimited.Form(mapping.delimiter, mapping.encoding, mapping.header)
    return delimited.open_file(Source(path), form, bad_rows)
