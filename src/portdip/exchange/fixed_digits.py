"""Columns of text in which every value has the same number of digits, to numbers and times, whole columns at a time.

Such text is most of what a clearinghouse sends; read as a matrix of digits, a column takes some 20 ns a value.
As in `portdip.exchange.convert`, a mask says which rows are bad, and what they then hold means nothing. Safe to
call from any thread.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Bad = npt.NDArray[np.bool_]
Values = npt.NDArray[np.int64]

#: yyyymmddhhmmss
_TIME = (4, 2, 2, 2, 2, 2)
_EARLIEST_YEAR = 1970


def fields(column: pa.Array, widths: tuple[int, ...]) -> tuple[list[Values], Bad]:
    """Text of digits cut into fields of the given widths, as integers. Bad: not exactly so many digits.

    >>> fields(pa.array(["20240131", "2024", None]), (4, 4))
    ([array([2024,    0,    0]), array([131,   0,   0])], array([False,  True,  True]))
    """
    total = sum(widths)
    bad: Bad = pc.binary_length(column).fill_null(0).to_numpy() != total
    if bad.any():
        column = pc.if_else(pa.array(bad), "0" * total, column)
    offsets = np.frombuffer(column.buffers()[1], dtype=np.int32)[column.offset : column.offset + len(column) + 1]
    text = np.frombuffer(column.buffers()[2], dtype=np.uint8) if total * len(column) else np.empty(0, np.uint8)
    digits = text[offsets[0] : offsets[-1]].reshape(len(column), total) - np.uint8(ord("0"))
    values, begins = [], 0
    for width in widths:
        value = np.zeros(len(column), dtype=np.int64)
        for place in range(begins, begins + width):
            value *= 10
            value += digits[:, place]
            bad |= digits[:, place] > 9
        values.append(value)
        begins += width
    return values, bad


def times(column: pa.Array) -> tuple[pa.Array, Bad]:
    """Moments written yyyymmddhhmmss in UTC, as UTC microseconds. Bad: anything else, or before 1970."""
    (year, month, day, hour, minute, second), bad = fields(column, _TIME)
    first_of_month = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    first_day = first_of_month.astype("datetime64[D]").astype(np.int64)
    days_in_month = (first_of_month + 1).astype("datetime64[D]").astype(np.int64) - first_day
    bad |= (year < _EARLIEST_YEAR) | (month < 1) | (month > 12) | (day < 1) | (day > days_in_month)
    bad |= (hour > 23) | (minute > 59) | (second > 59)
    seconds = (((first_day + day - 1) * 24 + hour) * 60 + minute) * 60 + second
    return pa.array((seconds * 1_000_000).astype("datetime64[us]")).cast(pa.timestamp("us", tz="UTC")), bad
