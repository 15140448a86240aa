"""Numbers out of text: one Python string, or an Arrow column of strings or integers."""

from typing import Any, Final, final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

MISSING: Final[int]
"""What a null reads as: 2^64 - 1."""

LAYOUTS: Final[dict[pa.DataType, int]]
"""The Arrow types a NumberColumn reads, and how."""

def parse(text: str) -> int:
    """The number a string spells, or 0."""

def kernels() -> list[str]:
    """Names of the instruction sets this build can use here, best first; the last one runs anywhere."""

def use_kernel(name: str) -> None:
    """Make all columns of this process be read with another instruction set of `kernels()`: for tests."""

@final
class NumberColumn:
    """The numbers of an Arrow array or chunked array of a type in LAYOUTS, read in pieces from any thread.

    Raises TypeError for anything else.
    """

    rows: int

    def __init__(self, column: Any) -> None: ...
    def __len__(self) -> int: ...
    def read(self, row: int, out: npt.NDArray[np.uint64]) -> None:
        """Fill `out` with the numbers from `row` on; raises IndexError when there are not as many."""
