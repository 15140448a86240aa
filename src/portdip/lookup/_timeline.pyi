"""Who served a number at a moment, for many of both: the steps of each number, probed."""

from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.uint64]
Moments = npt.NDArray[np.int64]

MIX: Final[int]

@final
class Probe:
    """The steps of numbers and of intervals, and the mass changes after them; `portdip.lookup.timeline` makes it."""

    def __init__(
        self,
        *,
        directory: npt.NDArray[np.uint64],
        steps: npt.NDArray[Any],
        cells: npt.NDArray[Any],
        cell_steps: npt.NDArray[Any],
        rules: npt.NDArray[Any],
        labels: npt.NDArray[np.int32],
        movable: npt.NDArray[np.uint8],
        bits: int,
        begins: int,
        snapshot_rule: int,
        dated: bool,
    ) -> None: ...
    def entries(
        self,
        numbers: Numbers,
        moments: Moments,
        matches: npt.NDArray[np.uint32],
        unknown: npt.NDArray[np.uint8],
        asked: npt.NDArray[np.int64],
    ) -> int:
        """Turn the snapshot's matches into those of numbers that had an entry of their own at their moments."""

    def holders(
        self, numbers: Numbers, moments: Moments, matches: npt.NDArray[np.uint32], unknown: npt.NDArray[np.uint8]
    ) -> None:
        """Turn the matches of numbers without an entry, the snapshot's ranges, into the holders at their moments."""
