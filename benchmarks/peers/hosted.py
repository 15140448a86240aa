"""A peer in a process of its own, on one core: built, weighed, asked and checked there."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .peer import Codes, Numbers, Peer, Ported

#: Asked one by one to see how fast a peer is; and so many at least in each round.
_SINGLE_MIN = 100


class Question(NamedTuple):
    """What all peers are asked, as files: the columns to build of, the numbers, and what their codes are.

    In `answers` a number without an entry has 0, in `range_answers` the code of its range.
    """

    numbers: Path
    codes: Path
    ranges: Path
    asked: Path
    answers: Path
    range_answers: Path


class Built(NamedTuple):
    """A peer's name and what it lacks, the seconds until it could answer, and what it takes."""

    name: str
    lacks: tuple[str, ...]
    seconds: float
    bytes_per_number: float


class Hosted:
    """The parent's end. The methods return when the other process has done it, and raise what that raised."""

    def __init__(self, module: str, core: int, seconds: float) -> None:
        """Start to import the peer in `module`; a measurement should take `seconds`."""
        self._process = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
        self._seconds = seconds
        self.imported: Future[None] = self._process.submit(_import, module, core)

    def build(self, question: Question, folder: Path) -> Built:
        """Build it with its files in `folder`, and prepare its questions."""
        return self._process.submit(_build, question, folder, self._seconds).result()

    def one(self) -> float:
        """Nanoseconds a dip, one by one."""
        return self._process.submit(_one).result()

    def many(self) -> float:
        """Nanoseconds a dip, all at once."""
        return self._process.submit(_many).result()

    def close(self) -> None:
        """End the process."""
        self._process.shutdown()


class _Asking:
    """A peer and what it is asked. Each round asks one by one for other numbers than the one before."""

    def __init__(self, peer: Peer, asked: Numbers, answers: Codes, seconds: float) -> None:
        self._peer, self._asked, self._answers, self._seconds = peer, asked, answers, seconds
        self._keys = peer.keys(asked)
        self._at, self._single = 0, min(_SINGLE_MIN, len(asked))
        self._single = int(min(len(asked), max(self._single, seconds / self.one() * 1e9)))

    def one(self) -> float:
        if self._at + self._single > len(self._asked):
            self._at = 0
        part = slice(self._at, self._at + self._single)
        self._at = part.stop
        return self._nanoseconds(self._peer.ask_one, self._keys[part], self._answers[part])

    def many(self) -> float:
        """Repeated where it is so fast that the clock would be too coarse."""
        taken: list[float] = []
        while sum(taken) * len(self._asked) < self._seconds * 1e9:
            taken.append(self._nanoseconds(self._peer.ask_many, self._asked, self._answers))
        return sum(taken) / len(taken)

    def _nanoseconds(self, ask: Callable[[Any], Sequence[int] | Codes], asked: Any, answers: Codes) -> float:
        start = time.perf_counter()
        found = ask(asked)
        taken = time.perf_counter() - start
        np.testing.assert_array_equal(np.asarray(found), answers, f"{self._peer.name} answers otherwise")
        return taken / len(answers) * 1e9


# The other process: it holds one peer as long as it lives.
_kind: type[Peer]
_asking: _Asking


def _import(module: str, core: int) -> None:
    global _kind
    os.sched_setaffinity(0, {core})
    os.environ["POLARS_MAX_THREADS"] = "1"  # read on import; we are measured on one thread as well
    name = import_module(f".{module}", __package__).__name__
    (_kind,) = (kind for kind in Peer.__subclasses__() if kind.__module__ == name)


def _build(question: Question, folder: Path, seconds: float) -> Built:
    global _asking
    folder.mkdir()
    ported = Ported(*(np.load(path, mmap_mode="r") for path in question[:3]), folder)
    before = _anonymous_bytes()
    start = time.perf_counter()
    peer = _kind(ported)
    taken = time.perf_counter() - start
    size = peer.file_bytes or _anonymous_bytes() - before
    answers = question.range_answers if peer.answers_ranges else question.answers
    _asking = _Asking(peer, np.load(question.asked), np.load(answers), seconds)
    return Built(peer.name, tuple(map(str, peer.lacks)), taken, size / len(ported.numbers))


def _one() -> float:
    return _asking.one()


def _many() -> float:
    return _asking.many()


def _anonymous_bytes() -> int:
    """Memory of this process that is no file's, once what is free is given back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))
