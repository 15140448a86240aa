"""Digests of numbers by block: what a row comes to, and a table of blocks in which rows of any order are added up."""

from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

BLOCK: Final[int]
"""A block is this many consecutive numbers, the first a multiple of it."""

def add_texts(array: Any, seed: int, out: npt.NDArray[np.uint64]) -> None:
    """Add to `out` the hash of each text of a string array; a null adds nothing.

    Raises ValueError for any other array, or one of another length than `out`.
    """

def add_integers(values: npt.NDArray[np.int64], out: npt.NDArray[np.uint64]) -> None:
    """Add to `out` the hash of each integer."""

@final
class BlockDigests:
    """Count and digests by block. Memory is 43 to 86 bytes a block. One object for one thread."""

    def __init__(self) -> None: ...
    def __len__(self) -> int:
        """How many blocks have a row."""

    def add(
        self,
        numbers: npt.NDArray[np.uint64],
        routes: npt.NDArray[np.uint64],
        particulars: npt.NDArray[np.uint64] | None = None,
    ) -> None:
        """Add rows: numbers, and the hashes of what else is in the row. Without `particulars` theirs stay 0."""

    def export(
        self,
        block: npt.NDArray[np.uint64],
        count: npt.NDArray[np.uint64],
        routes: npt.NDArray[np.uint64],
        particulars: npt.NDArray[np.uint64],
    ) -> None:
        """Fill columns of the length of this with all blocks, in no order."""
