"""Columns that came out of a file, checked before anything follows the places in them.

Arrow trusts what it reads: offsets and indices that point outside would be followed, and what lies there be read or
overwritten. Only then are they as good as columns made in memory.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa


def check_arrow(columns: Iterable[pa.Array]) -> None:
    """Raise pa.ArrowInvalid where a column of an Arrow file or stream points outside itself."""
    for column in columns:
        column.validate(full=True)


def check_parquet(columns: Iterable[pa.Array]) -> None:
    """As `check_arrow`, of a Parquet file, whose decoder makes the offsets itself: only indices are the file's."""
    check_arrow(column for column in columns if _has_indices(column.type))


def _has_indices(kind: pa.DataType) -> bool:
    return pa.types.is_dictionary(kind) or any(_has_indices(kind.field(place).type) for place in range(kind.num_fields))
