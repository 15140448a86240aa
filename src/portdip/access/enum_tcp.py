"""ENUM over TCP (RFC 7766): where clients come whose answer was truncated.

Each message has its length before it, 16 bits. A connection may carry any number of queries, without waiting for
replies, which come in the order of the queries. What would get no reply over UDP ends the connection, for its client
would wait in vain. All of it belongs to one event loop.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address
from time import monotonic, perf_counter_ns
from typing import cast

from portdip.access._clients import Clients
from portdip.access._limits import Limits
from portdip.access._responder import OUTCOMES, Responder
from portdip.access.counters import LATENCY_BUCKETS, NAMES, Row

#: Seconds in which a whole query has to come, or the connection ends: bytes that trickle do not keep it open.
IDLE_SECONDS = 10.0
#: Connections open at a time, and of those the most from one /24 or /64; more are closed as they come.
CONNECTIONS_MAX = 1024
CONNECTIONS_OF_SOURCE_MAX = 64
#: Bytes of a query: as over UDP.
QUERY_MAX = 1232

#: For the replies to what had come when the server stopped.
_STOP_SECONDS = 1.0
_HEADER = 12
_RECEIVED, _REPLIED, _BYTES_IN, _BYTES_OUT = map(NAMES.index, ("received", "replied", "bytes_in", "bytes_out"))
_NO_CLIENT, _TOO_OFTEN, _SHED = map(NAMES.index, ("dropped_source", "dropped_rate", "shed"))
_OUTCOME = {outcome: NAMES.index(outcome) for outcome in OUTCOMES}
_LATENCY = len(NAMES)


class EnumTcp:
    """The connections of one worker, on any number of listening sockets. For the thread of one event loop.

    `responder` and `is_down` are asked for every query. `limits` and `row` (see counters.Counters) are this server's
    alone.
    """

    def __init__(
        self,
        responder: Callable[[], Responder],
        is_down: Callable[[], bool],
        clients: Clients,
        limits: Limits,
        row: Row,
        *,
        idle_seconds: float = IDLE_SECONDS,
        connections_max: int = CONNECTIONS_MAX,
        connections_of_source_max: int = CONNECTIONS_OF_SOURCE_MAX,
    ) -> None:
        self.responder = responder
        self.is_down = is_down
        self.clients = clients
        self.limits = limits
        self.row = row.data
        self.idle_seconds = idle_seconds
        self._connections_max = connections_max
        self._connections_of_source_max = connections_of_source_max
        self._connections: set[_Connection] = set()
        self._sources: Counter[bytes] = Counter()
        self._servers: list[asyncio.Server] = []

    async def serve(self, listening: socket.socket) -> None:
        """Take connections from a socket that listens, until `stop`, which closes it."""
        loop = asyncio.get_running_loop()
        self._servers.append(await loop.create_server(lambda: _Connection(self), sock=listening))

    async def stop(self) -> None:
        """Take no more connections, answer what has come in those that are open, and end them."""
        for server in self._servers:
            server.close()
        # What the kernel has received already comes in the loop's next rounds.
        await asyncio.sleep(0.01)
        for connection in tuple(self._connections):
            connection.close()
        until = monotonic() + _STOP_SECONDS
        while self._connections and monotonic() < until:
            await asyncio.sleep(0.01)
        for connection in tuple(self._connections):
            connection.abort()

    def __len__(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    def admit(self, connection: _Connection, source: bytes) -> bool:
        """Whether one more connection is taken from a source; if so, `leave` is called at its end."""
        if len(self._connections) >= self._connections_max or self._sources[source] >= self._connections_of_source_max:
            self.row[_SHED] += 1
            return False
        self._connections.add(connection)
        self._sources[source] += 1
        return True

    def leave(self, connection: _Connection, source: bytes) -> None:
        """A connection has ended."""
        self._connections.remove(connection)
        self._sources[source] -= 1
        if not self._sources[source]:
            del self._sources[source]


class _Connection(asyncio.Protocol):
    """One connection: bytes in, queries answered as they are whole."""

    def __init__(self, server: EnumTcp) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._address = ""
        self._source: bytes | None = None
        self._profile = 0
        self._received = bytearray()
        self._is_full = self._is_at_end = False
        self._last = monotonic()
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not asyncio's by name.
        self._transport = transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        profile = self._server.clients.find(peer[0]) if peer else None
        if profile is None:
            self._server.row[_NO_CLIENT] += 1
            transport.abort()
            return
        source = _source(peer[0])
        if not self._server.admit(self, source):
            transport.abort()
            return
        self._address, self._profile, self._source = peer[0], profile, source
        self._watch(self._server.idle_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._source is not None:
            self._server.leave(self, self._source)
        self._received.clear()

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._answer()

    def eof_received(self) -> bool:
        """The client asks no more; what it has asked is answered, even where it reads slowly."""
        self._is_at_end = True
        return self._is_full

    def pause_writing(self) -> None:
        """The client does not read its replies: it gets no more, and we read no more, until it does."""
        assert self._transport is not None
        self._is_full = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        assert self._transport is not None
        self._is_full = False
        self._transport.resume_reading()
        self._answer()
        if self._is_at_end and not self._is_full:
            self._transport.close()

    def close(self) -> None:
        """End it when what has been answered is sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """End it now."""
        if self._transport is not None:
            self._transport.abort()

    def _answer(self) -> None:
        """Answer the queries that are whole."""
        assert self._transport is not None
        received = self._received
        began_ns = perf_counter_ns()
        begin = 0
        while not self._is_full and not self._transport.is_closing() and begin + 2 <= len(received):
            length = received[begin] << 8 | received[begin + 1]
            end = begin + 2 + length
            if not _HEADER <= length <= QUERY_MAX:
                self._transport.close()
            elif end > len(received):
                break
            else:
                self._reply(bytes(received[begin + 2 : end]), began_ns)
            begin = end
        del received[:begin]

    def _reply(self, query: bytes, began_ns: int) -> None:
        assert self._transport is not None
        server, row = self._server, self._server.row
        self._last = monotonic()
        row[_RECEIVED] += 1
        row[_BYTES_IN] += len(query)
        if not server.limits.admits(self._address, self._last):
            row[_TOO_OFTEN] += 1
            self._transport.close()
            return
        reply, outcome = server.responder().respond(query, self._profile, server.is_down(), is_stream=True)
        row[_OUTCOME[outcome]] += 1
        if not reply:
            self._transport.close()
            return
        self._transport.write(len(reply).to_bytes(2, "big") + reply)
        row[_REPLIED] += 1
        row[_BYTES_OUT] += len(reply)
        bucket = (perf_counter_ns() - began_ns).bit_length() - 1
        row[_LATENCY + min(bucket, LATENCY_BUCKETS - 1)] += 1

    def _watch(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        """End the connection if no whole query has come for too long, or its client does not read."""
        left = self._last + self._server.idle_seconds - monotonic()
        if left > 0:
            self._watch(left)
        else:
            self.abort()


def _source(address: str) -> bytes:
    """The /24 or /64 around an address."""
    found = ip_address(address.partition("%")[0])
    found = getattr(found, "ipv4_mapped", None) or found
    return found.packed[: 3 if found.version == 4 else 8]
