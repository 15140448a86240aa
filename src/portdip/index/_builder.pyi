from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

class Builder:
    """Writes the image at `path` from numbers given in order."""

    def __init__(self, path: Path | str, ranges: npt.ArrayLike) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def add(self, numbers: npt.NDArray[np.uint64], codes: npt.NDArray[np.uint16]) -> None:
        """Take in the next entries, greater than all before and strictly increasing."""

    def finish(self) -> None:
        """Write what is left and put the image in its place; a second call does nothing."""
