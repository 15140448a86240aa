"""What travels through an annotation: a part of the source, then the same part with its answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from portdip.batch.question import Tally

Content = TypeVar("Content")


@dataclass(frozen=True, slots=True)
class Piece(Generic[Content]):
    """A part of the source; `share` (0 to 1) is how much of the source ends with it, None where nobody knows."""

    content: Content
    share: float | None


@dataclass(frozen=True, slots=True)
class Answered(Generic[Content]):
    """A part of the target, its rows counted."""

    content: Content
    share: float | None
    tally: Tally
