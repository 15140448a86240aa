"""HTTP/1.1 on a connection: uvicorn's protocol, and an end to whoever is slow.

uvicorn waits for the head of a request, for the rest of a body that it has refused, and for a client that does not
read, as long as these please. Here every connection says since when it waits for what; `cut_slow`, called about once a
second, ends those that waited too long. That costs a request two assignments, where a timer of its own would cost it
some microseconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from portdip.access.http.problems import OVERLOADED, Problem

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

#: Bytes of a request's head beyond what came with the one before it.
HEAD_BYTES_MAX = 1 << 16
#: Requests that may wait behind the one that is answered.
PIPELINED_MAX = 256
#: Bytes of a refused body that are read for the client's sake, so that it finds the answer.
_DISCARDED_BYTES_MAX = 16 << 20


class Protocol(HttpToolsProtocol):
    """One connection. `connections_max`, `head_s` and `stall_s` are of a subclass made by `limited`."""

    connections_max: int
    head_s: float
    stall_s: float

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        #: Since when the head of a request is awaited; None where none is.
        self._head_since: float | None = None
        self._head_bytes = 0
        #: Since when a body is read that nobody wants.
        self._discarding_since: float | None = None
        self._discarded_bytes = 0
        #: Since when the client does not read.
        self._blocked_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or say that there are too many."""
        super().connection_made(transport)
        self._head_since = self.loop.time()
        if len(self.connections) > self.connections_max:
            self._refuse(OVERLOADED)

    def data_received(self, data: bytes) -> None:
        """Read what came, unless it is a head without an end."""
        was_in_head = self._head_since is not None
        super().data_received(data)
        if self._head_since is None or not was_in_head:
            self._head_bytes = 0
            return
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_BYTES_MAX:
            self._refuse(Problem(431, "head-too-large", f"The head has more than {HEAD_BYTES_MAX} bytes."))

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._head_since = self.loop.time()

    def on_headers_complete(self) -> None:
        """The head of a request is there."""
        self._head_since = None
        super().on_headers_complete()
        if len(self.pipeline) > PIPELINED_MAX:
            self.transport.abort()

    def on_body(self, body: bytes) -> None:
        """A piece of a body came."""
        if self.cycle.response_complete:
            self._discarding_since = self._discarding_since or self.loop.time()
            self._discarded_bytes += len(body)
            if self._discarded_bytes > _DISCARDED_BYTES_MAX:
                self.transport.abort()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is there to its end."""
        self._discarding_since = None
        self._discarded_bytes = 0
        super().on_message_complete()

    def pause_writing(self) -> None:
        """The client reads slower than we write."""
        self._blocked_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._blocked_since = None
        super().resume_writing()

    def cut_if_slow(self, now: float) -> None:
        """End the connection if it has waited too long for its client."""
        if _is_over(self._blocked_since, now, self.stall_s):
            self.transport.abort()
        elif _is_over(self._discarding_since, now, self.head_s):
            self.transport.close()
        elif _is_over(self._head_since, now, self.head_s):
            self._refuse(Problem(408, "timeout", f"The head of the request took more than {self.head_s:g} s."))

    def _refuse(self, problem: Problem) -> None:
        """Answer what is no request yet, and end the connection."""
        self._head_since = None
        if self.transport.is_closing():
            return
        lines = [b"HTTP/1.1 %d \r\n" % problem.status]
        headers = [*self.server_state.default_headers, *problem.headers, (b"connection", b"close")]
        lines += [b"%b: %b\r\n" % header for header in headers]
        self.transport.write(b"".join([*lines, b"\r\n", problem.body]))
        self.transport.close()


def limited(connections_max: int, head_s: float, stall_s: float) -> type[Protocol]:
    """The protocol with limits: open connections, seconds for a head, seconds without progress."""
    limits = {"connections_max": connections_max, "head_s": head_s, "stall_s": stall_s}
    return type("LimitedProtocol", (Protocol,), limits)


def cut_slow(connections: Iterable[object], now: float) -> None:
    """End those of the connections that waited too long, as of `now` on the event loop's clock."""
    for connection in list(connections):
        if isinstance(connection, Protocol):
            connection.cut_if_slow(now)


def _is_over(since: float | None, now: float, limit: float) -> bool:
    return since is not None and now - since > limit
