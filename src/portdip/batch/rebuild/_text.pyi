from typing import Final

import numpy as np
import numpy.typing as npt

DIGITS: Final[bytes]
DOTTED: Final[bytes]

class Templates:
    """Templates by match (a route code, plus ENTRY for an entry) and count of digits. For one thread."""

    def __init__(self) -> None: ...
    def add(self, match: int, digits: int, template: bytes) -> None:
        """What rows of this match with so many digits look like."""

    def write(
        self,
        numbers: npt.NDArray[np.uint64],
        matches: npt.NDArray[np.uint32],
        row: int,
        out: npt.NDArray[np.uint8],
    ) -> tuple[int, int]:
        """Write the rows from `row` on; the first that has no template or no room, and how many bytes there are."""
