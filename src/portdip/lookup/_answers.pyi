"""Numbers to columns of answers, straight into Arrow's buffers."""

from typing import Final, final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from portdip.index import LiveIndex
from portdip.lookup._digits import NumberColumn

CODES: Final[int]

@final
class Answers:
    """The columns of `rows` answers, being filled: Arrow buffers.

    `carrier` and `routing_number` (int32) index the dictionaries behind `labels`; `status` (int8) is 0
    ported, 1 native, 2 unallocated, 3 invalid, 3 + doubt where there is one. `ported`, `known` (has a route),
    `present` (not null) and `certain` (not null, no doubt) are bitmaps, a bit a row, lowest first, in uint64
    words. Different rows may be filled from different threads.
    """

    carrier: pa.Buffer
    routing_number: pa.Buffer
    status: pa.Buffer
    ported: pa.Buffer
    known: pa.Buffer
    present: pa.Buffer
    certain: pa.Buffer

    def __init__(self, rows: int, labels: npt.NDArray[np.int32]) -> None:
        """`labels` has shape (CODES, 2): indices of carrier and routing number, -1 for no route."""

    def fill(self, index: LiveIndex, numbers: NumberColumn, first: int, last: int) -> bool:
        """Answer the rows from `first` (a multiple of 64) to `last` out of an index.

        False if it names a code without a label; raises as the index does.
        """

    def put(
        self,
        row: int,
        numbers: npt.NDArray[np.uint64],
        matches: npt.NDArray[np.uint32],
        doubts: npt.NDArray[np.uint8],
    ) -> bool:
        """Answer the rows from `row` (a multiple of 64) on: False if a match names a code without a label.

        Where there is a doubt, 1 or 2, no route is known, but of what is no number: that is none at any time.
        """
