"""The rows every feed yields: three kinds of Arrow record batch, told apart by their schema.

`NUMBERS`: one ported number a row. `RANGES`: one interval of numbers of one length a row, both ends included;
a null carrier withdraws the interval from the range around it. `CARRIERS`: what a carrier id is called.
Carriers are named by id everywhere; an id without a CARRIERS row is a carrier without a name.

A feed that reads files adds `PLACE` as the last column of NUMBERS, so that a fault found later than the file,
such as one number twice, still names file and row.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

NUMBERS = pa.schema(
    [
        pa.field("number", pa.uint64(), nullable=False),
        pa.field("carrier", pa.string(), nullable=False),
        pa.field("routing_number", pa.string(), nullable=False),  # '' where none is needed
        pa.field("donor", pa.string()),
        pa.field("effective", pa.timestamp("us", tz="UTC")),
    ]
)
RANGES = pa.schema(
    [
        pa.field("first", pa.uint64(), nullable=False),
        pa.field("last", pa.uint64(), nullable=False),
        pa.field("carrier", pa.string()),
        pa.field("routing_number", pa.string(), nullable=False),
    ]
)
CARRIERS = pa.schema([pa.field("id", pa.string(), nullable=False), pa.field("name", pa.string(), nullable=False)])
PLACE = pa.field("place", pa.uint64(), nullable=False)
PLACED_NUMBERS = NUMBERS.append(PLACE)

_ROW_BITS = np.uint64(40)


def places(file: int, rows: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The places of `rows` (1-based) in the import's file number `file` (0-based): file above, row in 40
    bits.

    >>> [place_of(place) for place in places(2, np.array([1, 7], dtype=np.uint64)).tolist()]
    [(2, 1), (2, 7)]
    """
    return rows | np.uint64(file) << _ROW_BITS


def place_of(place: int) -> tuple[int, int]:
    """File and row of one place, the inverse of `places`."""
    return place >> int(_ROW_BITS), place & (1 << int(_ROW_BITS)) - 1


def files_of(places: npt.NDArray[np.uint64]) -> npt.NDArray[np.intp]:
    """The file of each of some places, as `place_of` has it."""
    return (places >> _ROW_BITS).astype(np.intp)
