"""Dips asked of a server on loopback: the questions as each protocol has them, and what came of asking.

One thread asks, from as many sockets as wanted, and keeps one core busy while it does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from portdip.capacity._load import PATIENCE_NS, ask

__all__ = ["PATIENCE_NS", "Asked", "Questions", "enum_query", "http_request", "pdb_query"]

APEX = "e164.arpa"
_NAPTR, _IN = 35, 1
#: Where a datagram has its id; an HTTP request has none.
_ID_AT = {"enum": 0, "pdb": 4, "http": None}
#: A closed loop is told how many questions it may ask at most: more than any server answers in a second.
_CLOSED_RATE_MAX = 2_000_000


@dataclass(frozen=True)
class Asked:
    """What came of asking. `nanoseconds` has the time until each answer; for a question that had none, how long it was
    waited for: on a schedule PATIENCE_NS at the least, so that percentiles are never too low for what was lost.

    `late` is how much later than it could have been each question was sent: what a generator too slow adds to the
    times. That no connection was free is no lateness.
    """

    nanoseconds: npt.NDArray[np.int64]
    late: npt.NDArray[np.int64]
    answered: int
    seconds: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds if self.seconds else 0.0

    @property
    def lost(self) -> float:
        """Share of the questions without an answer."""
        return 1 - self.answered / len(self.nanoseconds) if len(self.nanoseconds) else 0.0

    def microseconds(self, percent: float) -> float | None:
        """The time that `percent` of all questions had their answer within, or more; None where nothing was asked."""
        return _microseconds(self.nanoseconds, percent)

    def microseconds_late(self, percent: float) -> float | None:
        """How late at most `percent` of all questions were sent, None where nothing was asked."""
        return _microseconds(self.late, percent)


class Questions:
    """Questions for one protocol (enum, pdb or http), to be asked in turn and again."""

    def __init__(self, protocol: str, numbers: Iterable[int]) -> None:
        made = [_MAKERS[protocol](number) for number in numbers]
        self.protocol = protocol
        self.first = made[0]
        self._bytes = np.frombuffer(b"".join(made), dtype=np.uint8)
        self._starts = np.concatenate([[0], np.cumsum([len(one) for one in made])]).astype(np.int64)

    def closed(self, port: int, seconds: float, sockets: int, window: int) -> Asked:
        """Keep `window` questions under way on each socket: the highest rate, or with one in all the shortest time.

        Raises OSError where a connection fails or an HTTP answer is no 200.
        """
        count = int(seconds * _CLOSED_RATE_MAX) + 1
        return self._ask(port, seconds, 0.0, window, sockets, count)

    def scheduled(self, port: int, seconds: float, sockets: int, rate: float) -> Asked:
        """Ask `rate` a second, each at its time whether the server keeps up or not, and count from that time.

        Raises as `closed` does, and ValueError for a rate of 0.
        """
        if rate <= 0:
            raise ValueError("no such load")
        return self._ask(port, seconds, rate, 1, sockets, max(int(seconds * rate), 1))

    def _ask(self, port: int, seconds: float, rate: float, window: int, sockets: int, count: int) -> Asked:
        id_at = _ID_AT[self.protocol]
        return Asked(*ask(self._bytes, self._starts, port, seconds, rate, window, sockets, count, id_at))


def _microseconds(nanoseconds: npt.NDArray[np.int64], percent: float) -> float | None:
    return float(np.percentile(nanoseconds, percent, method="higher")) / 1e3 if len(nanoseconds) else None


def enum_query(number: int) -> bytes:
    r"""A NAPTR query without EDNS.

    >>> enum_query(8613)[12:23]
    b'\x013\x011\x016\x018\x04e1'
    """
    labels = [*reversed(str(number)), *APEX.split(".")]
    name = b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"
    return bytes([0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]) + name + _NAPTR.to_bytes(2) + _IN.to_bytes(2)


def pdb_query(number: int) -> bytes:
    r"""A request of version 1.

    >>> pdb_query(8613)
    b'\x01\x00\x00\x0b\x00\x008613\x00'
    """
    digits = str(number).encode() + b"\0"
    return bytes([1, 0, 0, 6 + len(digits), 0, 0]) + digits


def http_request(number: int) -> bytes:
    """A request for one dip, over a connection that is kept."""
    return b"GET /v1/dips/%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % number


_MAKERS: dict[str, Callable[[int], bytes]] = {"enum": enum_query, "pdb": pdb_query, "http": http_request}
