"""Numbers out of text: one Python string, or a column of Arrow strings or integers in pieces."""

from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

MISSING: Final[int]
"""What a null reads as: 2^64 - 1."""

LAYOUTS: Final[dict[str, int]]
"""The Arrow types a NumberColumn reads, by name."""

def parse(text: str) -> int:
    """The number a string spells, or 0."""

@final
class NumberColumn:
    """The numbers of one Arrow array of a type in LAYOUTS, read in pieces from any thread."""

    def __init__(self, array: Any) -> None: ...
    def __len__(self) -> int: ...
    def read(self, row: int, out: npt.NDArray[np.uint64]) -> None:
        """Fill `out` with the numbers from `row` on; raises IndexError when there are not as many."""
