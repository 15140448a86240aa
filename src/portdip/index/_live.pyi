import numpy as np
import numpy.typing as npt

from portdip.index._index import Index
from portdip.index._overlay import Overlay

class LiveIndex:
    """A base index with the changes of an overlay: the same reading methods as Index, and the same errors."""

    def __init__(self, base: Index, overlay: Overlay) -> None: ...
    def __getitem__(self, number: int) -> int: ...
    def __contains__(self, number: int) -> bool: ...
    def __len__(self) -> int: ...
    @property
    def base(self) -> Index:
        """What the overlay changes."""

    @property
    def overlay(self) -> Overlay:
        """The changes."""

    @property
    def nbytes(self) -> int:
        """Bytes of the base image and of the overlay."""

    def match(self, number: int) -> int:
        """The number's code, plus ENTRY (1 << 16) if it has an entry of its own."""

    def range_code(self, number: int) -> int:
        """The code of the range around the number, whatever its own entry says; 0 for none."""

    def range_codes(self, numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint16]:
        """The code of the range around each number, whatever its own entry says; 0 for none."""

    def find_many(
        self, numbers: npt.NDArray[np.uint64], out: npt.NDArray[np.uint16] | None = None, threads: int = 1
    ) -> npt.NDArray[np.uint16]:
        """The code of each number, as `live[number]`."""

    def match_many(
        self, numbers: npt.NDArray[np.uint64], out: npt.NDArray[np.uint32] | None = None, threads: int = 1
    ) -> npt.NDArray[np.uint32]:
        """As find_many, plus ENTRY where the number has an entry of its own."""
