"""Build an image from whole columns."""

from __future__ import annotations

from pathlib import Path

import numpy.typing as npt

from portdip.index._builder import Builder
from portdip.intervals import Codes, Numbers

_CHUNK = 1 << 22


def build(numbers: Numbers, codes: Codes, ranges: npt.ArrayLike, path: Path | str) -> None:
    """Write the index image at `path`.

    `numbers`: uint64, strictly increasing, 1 to 10^15 - 1. `codes`: uint16, as many, 1 to 65,534. `ranges`: shape
    (n, 3), first and last number of one length and code, in any order; of nested ranges the innermost holds a number,
    code 0 withdraws. An entry of a number's own wins over its ranges.

    The file appears whole or not at all. Raises OutOfOrderError, UnknownRouteError, InvalidRangeError. Memory beside
    the columns: some 16 bytes a block of 10,000 numbers and one chunk. For more numbers than memory holds, feed a
    `Builder` chunk by chunk.
    """
    with Builder(path, ranges) as builder:
        for start in range(0, max(len(numbers), len(codes)), _CHUNK):
            builder.add(numbers[start : start + _CHUNK], codes[start : start + _CHUNK])
