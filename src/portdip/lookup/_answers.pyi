"""Route codes to columns: the last pass of a batch, straight into Arrow's buffers."""

from typing import Final, final

import numpy as np
import numpy.typing as npt

CODES: Final[int]

@final
class Answers:
    """The columns of `rows` answers, being filled.

    `carrier` and `routing_number` (int32) index the dictionaries behind `labels`; `status` (int8) is 0
    ported, 1 native, 2 unallocated, 3 invalid. `ported`, `known` (has a route) and `present` (not null) are
    bitmaps, a bit a row, lowest first, in uint64 words. Different rows may be put from different threads.
    """

    carrier: npt.NDArray[np.int32]
    routing_number: npt.NDArray[np.int32]
    status: npt.NDArray[np.int8]
    ported: npt.NDArray[np.uint64]
    known: npt.NDArray[np.uint64]
    present: npt.NDArray[np.uint64]

    def __init__(self, rows: int, labels: npt.NDArray[np.int32]) -> None:
        """`labels` has shape (CODES, 2): indices of carrier and routing number, -1 for no route."""

    def put(self, row: int, numbers: npt.NDArray[np.uint64], matches: npt.NDArray[np.uint32]) -> bool:
        """Answer the rows from `row` (a multiple of 64) on: False if a match names a code without a label."""
