"""What a worker counts of HTTP, in its row of the shared counters. For the thread of its event loop."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter_ns
from typing import Any

from portdip.access.counters import LATENCY_BUCKETS, NAMES, Row

_RECEIVED, _REPLIED, _BYTES_IN, _BYTES_OUT = map(NAMES.index, ("received", "replied", "bytes_in", "bytes_out"))
#: Outcomes stand in NAMES as in OUTCOMES, where their places are what renders dips tells.
_OUTCOMES = NAMES.index("ported")
_LATENCY = len(NAMES)
_REFUSALS = {401: "unauthorized", 403: "unauthorized", 429: "too_many", 500: "failed", 503: "overloaded"}
_OTHER, _REFUSED = NAMES.index("other"), NAMES.index("refused")


class Tally:
    """Counts in one row: requests, what the dips among them said, and how long single dips took."""

    def __init__(self, row: Row) -> None:
        self._row: Any = row.data

    def dip(self, outcome: int, began_ns: int, size: int) -> None:
        """A single dip was answered in `size` bytes; it came at `began_ns` of the performance counter."""
        row = self._row
        row[_RECEIVED] += 1
        row[_REPLIED] += 1
        row[_OUTCOMES + outcome] += 1
        row[_BYTES_OUT] += size
        bucket = (perf_counter_ns() - began_ns).bit_length() - 1
        row[_LATENCY + (bucket if bucket < LATENCY_BUCKETS else LATENCY_BUCKETS - 1)] += 1

    def dips(self, counts: Sequence[int]) -> None:
        """Dips of a list, by outcome."""
        for outcome, count in enumerate(counts):
            self._row[_OUTCOMES + outcome] += count

    def reply(self, status: int) -> None:
        """Any other request was answered with this status."""
        self._row[_RECEIVED] += 1
        self._row[_REPLIED] += 1
        if status in _REFUSALS:
            self._row[NAMES.index(_REFUSALS[status])] += 1
        else:
            self._row[_REFUSED if status >= 400 else _OTHER] += 1

    def moved(self, received: int, sent: int) -> None:
        """Bytes of bodies that came and went."""
        self._row[_BYTES_IN] += received
        self._row[_BYTES_OUT] += sent
