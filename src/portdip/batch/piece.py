"""What travels through an annotation: a part of the source, then the same part with its answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from portdip.lookup.answers import STATUSES

Content = TypeVar("Content")


@dataclass(frozen=True, slots=True)
class Piece(Generic[Content]):
    """A part of the source; `share` (0 to 1) is how much of the source ends with it."""

    content: Content
    share: float


@dataclass(frozen=True, slots=True)
class Answered(Generic[Content]):
    """A part of the target; `counts` holds its rows of each status, in the order of STATUSES, then nulls."""

    content: Content
    share: float
    counts: npt.NDArray[np.int64]


#: The counts of a part without rows.
NO_ROWS = np.zeros(len(STATUSES) + 1, dtype=np.int64)


def count(answers: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """How many of the answers have each status, and how many are null, last."""
    places = answers.column("status").indices
    counts = np.bincount(places.drop_null().to_numpy(), minlength=len(NO_ROWS))
    counts[-1] = places.null_count
    return counts
