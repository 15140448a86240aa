"""What the workers of a query process count, in memory that they share.

The parent makes Counters before it forks. Each row has one writer, the thread of one listener; anybody reads. Rows
begin at 0 and only grow, also when a worker is replaced: the new one goes on with the rows of the old. All are 64 bits
wide and aligned, so a reader sees each of them whole, though not all at one moment.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from portdip.access._responder import OUTCOMES

PROTOCOLS = ("http", "enum", "enum_tcp", "pdb")

#: Columns of a row. The first part is known to the compiled loop (`enum pd_counter` in listener.h).
#: `replied` went out; the outcomes are what was answered, silence too. `dropped_source`: not a client; `dropped_rate`:
#: asks too often; `limited` and `slipped`: equal replies over the limit, dropped and sent truncated; `shed`: waited too
#: long; `overflowed`: dropped by the kernel, its buffer full; `errors`: the network did not take a reply, or failed.
#: HTTP: `unauthorized` (401 and 403), `too_many` (429), `overloaded` (503).
NAMES = (
    "received",
    "replied",
    *OUTCOMES,
    "dropped_source",
    "dropped_rate",
    "limited",
    "slipped",
    "shed",
    "overflowed",
    "errors",
    "bytes_in",
    "bytes_out",
    "unauthorized",
    "too_many",
    "overloaded",
)
#: Bucket b of the latency, from the kernel's receive stamp to sending, counts 2^b up to 2^(b+1) nanoseconds.
LATENCY_BUCKETS = 32
COLUMNS = len(NAMES) + LATENCY_BUCKETS


class State(NamedTuple):
    """What a worker says of itself; all 0 before it does."""

    pid: int = 0
    ready: int = 0  # 1: it answers
    sequence: int = 0
    lag: int = 0  # milliseconds behind what it follows; -1: not known
    as_of: int = 0  # microseconds since 1970 of the newest change it knows
    heartbeat: int = 0  # microseconds since 1970 when it last said all this
    started: int = 0  # microseconds since 1970


_LINE_WORDS = 8
Row = npt.NDArray[np.uint64]


class Counters:
    """Rows for so many workers; each has, for every protocol, as many as it has listeners.

    >>> counters = Counters(workers=2, listeners={"enum": 1})
    >>> for worker in range(2):
    ...     counters.row(worker, "enum")[NAMES.index("received")] += worker + 1
    >>> counters.total("enum")["received"], counters.total("pdb")["received"]
    (3, 0)
    """

    def __init__(self, workers: int, listeners: Mapping[str, int] | None = None) -> None:
        """`listeners`: how many of each protocol a worker has; one of each where nothing is said."""
        asked = dict.fromkeys(PROTOCOLS, 1) if listeners is None else listeners
        self.workers = workers
        self._slots = {protocol: _slots_before(asked, protocol) for protocol in PROTOCOLS}
        slots = sum(asked.get(protocol, 0) for protocol in PROTOCOLS)
        # Writers of different rows must not share a cache line.
        row_words, state_words = _whole_lines(COLUMNS), _whole_lines(len(State._fields))
        memory = mmap.mmap(-1, max(workers * (slots * row_words + state_words) * 8, 1))
        words = np.frombuffer(memory, np.uint64, workers * (slots * row_words + state_words))
        rows, states = np.split(words, [workers * slots * row_words])
        self._rows = rows.reshape(workers, slots, row_words)[:, :, :COLUMNS]
        self._states = states.view(np.int64).reshape(workers, state_words)[:, : len(State._fields)]

    def row(self, worker: int, protocol: str, listener: int = 0) -> Row:
        """The row that a listener of a worker counts in: uint64[COLUMNS], NAMES and then the latency."""
        slots = self._slots[protocol]
        assert listener < len(slots), f"{len(slots)} listeners of {protocol} were asked for"
        row: Row = self._rows[worker, slots[listener]]
        return row

    def total(self, protocol: str) -> dict[str, int]:
        """The counters of a protocol by name, over all workers."""
        summed = self._rows[:, self._slots[protocol], : len(NAMES)].sum(axis=(0, 1), dtype=np.uint64)
        return dict(zip(NAMES, summed.tolist(), strict=True))

    def latency(self, protocol: str) -> Row:
        """Replies of a protocol by latency, over all workers: uint64[LATENCY_BUCKETS]."""
        summed: Row = self._rows[:, self._slots[protocol], len(NAMES) :].sum(axis=(0, 1), dtype=np.uint64)
        return summed

    def state(self, worker: int) -> State:
        """What a worker has last said of itself; each field is whole, but they may be of two moments."""
        return State(*self._states[worker].tolist())

    def present(self) -> list[tuple[int, State]]:
        """The workers that are there, and what they say: rows may be kept for more."""
        states = ((worker, self.state(worker)) for worker in range(self.workers))
        return [(worker, state) for worker, state in states if state.pid]

    def set_state(self, worker: int, state: State) -> None:
        """Say it, as the worker."""
        self._states[worker] = state

    def clear_state(self, worker: int) -> None:
        """Forget what a worker that is gone has said."""
        self._states[worker] = 0


def _slots_before(listeners: Mapping[str, int], protocol: str) -> list[int]:
    """The slots of a protocol: those of the ones before it come first."""
    first = sum(listeners.get(earlier, 0) for earlier in PROTOCOLS[: PROTOCOLS.index(protocol)])
    return list(range(first, first + listeners.get(protocol, 0)))


def _whole_lines(words: int) -> int:
    """As many 64-bit words, up to the end of a cache line."""
    return -(-words // _LINE_WORDS) * _LINE_WORDS
