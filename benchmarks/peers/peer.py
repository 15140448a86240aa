"""The one interface of peers that answer inside a process."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.uint64]
Codes = npt.NDArray[np.uint16]


class Ability(StrEnum):
    """What a node that answers dips needs besides a fast answer."""

    #: The holder of the longest prefix or range for a number without an entry, by the same question.
    RANGES = "ranges"
    #: One number changes while others are asked, without all of it being built again.
    CHANGE = "live change"
    #: Processes of a host answer from one copy, and see what changes.
    SHARING = "sharing"


class Ported(NamedTuple):
    """Increasing numbers, their codes, ranges of (first, last, code), and a folder for files."""

    numbers: Numbers
    codes: Codes
    ranges: Numbers
    folder: Path


def in_order(asked: Numbers, ask: Callable[[Numbers], Codes]) -> Codes:
    """What `ask` says, asked in the order of the numbers: those of one page or line come one after the other."""
    order = np.argsort(asked)
    found = np.empty(len(asked), np.uint16)
    found[order] = ask(asked[order])
    return found


class Peer(ABC):
    """Numbers to route codes. The constructor builds it of `Ported`, keeping nothing of what it was given.

    Asked as its own users would who know it well: where there are two ways, the faster one. One thread.
    """

    name: ClassVar[str]
    lacks: ClassVar[tuple[Ability, ...]] = ()
    #: Whether a number without an entry is answered with the code of its range.
    answers_ranges: ClassVar[bool] = False

    @abstractmethod
    def __init__(self, ported: Ported) -> None: ...

    def keys(self, asked: Numbers) -> Sequence[Any]:
        """Numbers in the form in which it takes single ones. Not timed."""
        return asked.tolist()

    @abstractmethod
    def ask_one(self, keys: Sequence[Any]) -> list[int]:
        """The code of each, 0 for none: a Python loop that asks for one after the other."""

    @abstractmethod
    def ask_many(self, asked: Numbers) -> Codes:
        """The code of each, 0 for none: array in, array out, in order."""

    @property
    def file_bytes(self) -> int:
        """Bytes of the file that it answers from; 0 where it answers from memory of its process."""
        return 0
