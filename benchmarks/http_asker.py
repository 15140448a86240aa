"""`python -m benchmarks.http_asker PORT SECONDS CONNECTIONS FILE`: ask for single dips over HTTP, one after the other.

The file holds a number a line. Each of the connections, which are kept, has one request under way. Prints how many were
answered.
"""

from __future__ import annotations

import asyncio
import sys
from itertools import cycle
from pathlib import Path

import uvloop

_LENGTH = b"content-length: "


class _Asking(asyncio.Protocol):
    """One connection."""

    answered = 0

    def __init__(self, requests: cycle[bytes]) -> None:
        self._requests = requests
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        self._received += data
        head = self._received.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self._received.index(_LENGTH) + len(_LENGTH)
        if len(self._received) < head + 4 + int(self._received[at : self._received.index(b"\r", at)]):
            return
        assert self._received.startswith(b"HTTP/1.1 200"), self._received
        self._received = b""
        _Asking.answered += 1
        self._transport.write(next(self._requests))


async def _ask(port: int, seconds: float, connections: int, path: Path) -> None:
    numbers = path.read_bytes().split()
    requests = cycle([b"GET /v1/dips/%b HTTP/1.1\r\nHost: localhost\r\n\r\n" % number for number in numbers])
    loop = asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(lambda: _Asking(requests), "127.0.0.1", port)
    await asyncio.sleep(seconds)
    print(_Asking.answered)


if __name__ == "__main__":
    uvloop.run(_ask(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])))
