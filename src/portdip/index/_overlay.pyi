import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.uint64]
Codes = npt.NDArray[np.uint16]
Ordinals = npt.NDArray[np.uint32]

class Overlay:
    """Changes since a base image; none at first."""

    def __init__(self) -> None: ...
    def __len__(self) -> int: ...
    @property
    def nbytes(self) -> int:
        """Bytes of memory, those shared with other overlays included."""

    @property
    def rules(self) -> tuple[tuple[int, int, int, Codes | None], ...]:
        """The rules by ordinal, as (ordinal, first, last, map or None)."""

    def numbers(self) -> Numbers:
        """The numbers with an entry here, released ones too, in no order: much faster than `entries`."""

    def entries(self) -> tuple[Numbers, Codes, Ordinals]:
        """The entry that counts of each number: numbers (increasing), codes, ordinals."""

    def ranges(self) -> tuple[Numbers, Numbers, Codes, Ordinals]:
        """Disjoint intervals in order, each with the range that counts there: first, last, code, ordinal."""

    def with_entries(self, numbers: Numbers, codes: Codes, ordinals: Ordinals) -> Overlay:
        """An overlay with these entries too, in any order; code 0 releases."""

    def with_ranges(self, first: Numbers, last: Numbers, codes: Codes, ordinals: Ordinals) -> Overlay:
        """An overlay with these ranges too, in any order; code 0 withdraws."""

    def with_rule(self, ordinal: int, first: int, last: int, codes: Codes | None) -> Overlay:
        """An overlay with this rule too: what each code becomes in an interval, or, with None, a release of entries."""
