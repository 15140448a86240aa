"""HTTP/1.1 on a connection: uvicorn's protocol, and an end to whoever is slow.

uvicorn waits for the head of a request, for the rest of a body that it has refused, and for a client that does not
read, as long as these please. Here `cut_slow`, called every second or so, looks what each connection waits for, and
ends those that have waited for it too long. So nothing is stamped or timed for a request that comes at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from portdip.access.http.front import is_single_dip
from portdip.access.http.problems import Problem, internal, overloaded

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from starlette.types import ASGIApp, Message, Scope
    from uvicorn.config import Config
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
    from uvicorn.server import ServerState

#: Bytes of a request's head beyond what came with the one before it.
HEAD_BYTES_MAX = 1 << 16
#: Requests that may wait behind the one that is answered.
PIPELINED_MAX = 256
#: Bytes of a refused body that are read for the client's sake, so that it finds the answer.
_UNWANTED_BYTES_MAX = 16 << 20


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
        #: The request whose head is awaited (uvicorn's scope; None: the first), since when, and how much of it came.
        self._awaited: object = self
        self._awaited_since = 0.0
        self._head_bytes = 0
        #: Since when a body is read that nobody wants, and of which request it is.
        self._unwanted: object = None
        self._unwanted_since = 0.0
        self._unwanted_bytes = 0
        #: Since when the client does not read.
        self._blocked_since: float | None = None
        self._is_answering = False
        self._defaults: object = None
        self._default_lines = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or say that there are too many."""
        super().connection_made(transport)
        self._look_at_head(self.loop.time())
        if len(self.connections) > self.connections_max:
            self._refuse(overloaded())

    def data_received(self, data: bytes) -> None:
        """Read what came, unless it is a head without an end or more requests than we keep for later."""
        HttpToolsProtocol.data_received(self, data)
        if self._is_in_head():
            if self._awaited is not self.scope:
                self._look_at_head(self.loop.time())
            else:
                self._head_bytes += len(data)
                if self._head_bytes > HEAD_BYTES_MAX:
                    self._refuse(Problem(431, "head-too-large", f"The head has more than {HEAD_BYTES_MAX} bytes."))
        elif len(self.pipeline) > PIPELINED_MAX:
            self.transport.abort()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGIApp) -> None:  # type: ignore[override]
        """Answer a single dip at once, and in one piece.

        It waits for nothing, and to make a task of it, to check headers that are ours and to write twice costs more
        than to answer it. One that was waiting behind it is begun from within, and becomes a task after all, so that
        they do not pile up.
        """
        if self._is_answering or self.flow.write_paused or not is_single_dip(cast("Scope", cycle.scope)):
            super()._start_asgi_task(cycle, app)  # type: ignore[arg-type]
            return
        self._is_answering = True
        try:
            self._finish(cycle, self._answer(cycle, app))
        finally:
            self._is_answering = False

    def _answer(self, cycle: RequestResponseCycle, app: ASGIApp) -> _Reply:
        reply = _Reply()
        try:
            cast("Coroutine[None, None, None]", app(cast("Scope", cycle.scope), _nothing, reply.send)).send(None)
        except StopIteration:
            return reply
        except Exception:
            self.logger.exception("a single dip failed")
            problem = internal()
            return _Reply(problem.status, problem.headers, problem.body)
        raise AssertionError("a single dip waited")

    def _finish(self, cycle: RequestResponseCycle, reply: _Reply) -> None:
        """Write a reply, and do for uvicorn what it does once a response is complete."""
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        self.transport.write(self._head(reply.status, reply.headers, cycle.keep_alive) + reply.body)
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()

    def _head(self, status: int, headers: list[tuple[bytes, bytes]], keep_alive: bool) -> bytes:
        """The head of a response. `headers` are ours: nothing in them came with the request."""
        defaults = self.server_state.default_headers
        if defaults is not self._defaults:  # uvicorn makes new ones every second, with the time
            self._defaults, self._default_lines = defaults, b"".join(b"%b: %b\r\n" % header for header in defaults)
        lines = [STATUS_LINE[status], self._default_lines]
        lines += [b"%b: %b\r\n" % header for header in headers]
        lines.append(b"\r\n" if keep_alive else b"connection: close\r\n\r\n")
        return b"".join(lines)

    def on_body(self, body: bytes) -> None:
        """A piece of a body came."""
        if self.cycle.response_complete:
            if self._unwanted is not self.scope:
                self._unwanted, self._unwanted_since, self._unwanted_bytes = self.scope, self.loop.time(), 0
            self._unwanted_bytes += len(body)
            if self._unwanted_bytes > _UNWANTED_BYTES_MAX:
                self.transport.abort()
        super().on_body(body)

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
        if self._blocked_since is not None and now - self._blocked_since > self.stall_s:
            self.transport.abort()
        elif self._unwanted is not None and self._unwanted is self.scope:
            if now - self._unwanted_since > self.head_s:
                self.transport.close()
        elif self._is_in_head():
            if self._awaited is not self.scope:
                self._look_at_head(now)
            elif now - self._awaited_since > self.head_s:
                self._refuse(Problem(408, "timeout", f"The head of the request took more than {self.head_s:g} s."))

    def _is_in_head(self) -> bool:
        """Whether a request has begun, or the connection, whose head is not there yet."""
        cycle = self.cycle
        return cycle is None or cycle.scope is not self.scope

    def _look_at_head(self, now: float) -> None:
        self._awaited, self._awaited_since, self._head_bytes = self.scope, now, 0

    def _refuse(self, problem: Problem) -> None:
        """Answer what is no request yet, and end the connection."""
        if self.transport.is_closing():
            return
        self.transport.write(self._head(problem.status, problem.headers, keep_alive=False) + problem.body)
        self.transport.close()


class _Reply:
    """What an application sends, to be written in one piece."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int = 0, headers: list[tuple[bytes, bytes]] | None = None, body: bytes = b"") -> None:
        self.status = status
        self.headers = headers or []
        self.body = body

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], message["headers"]
        else:
            self.body = message["body"]


async def _nothing() -> Message:
    """The body of a request for a single dip: nobody asks for it."""
    return {"type": "http.disconnect"}


def limited(connections_max: int, head_s: float, stall_s: float) -> type[Protocol]:
    """The protocol with limits: open connections, seconds for a head, seconds without progress."""
    limits = {"connections_max": connections_max, "head_s": head_s, "stall_s": stall_s}
    return type("LimitedProtocol", (Protocol,), limits)


def cut_slow(connections: Iterable[object], now: float) -> None:
    """End those of the connections that waited too long, as of `now` on the event loop's clock."""
    for connection in list(connections):
        if isinstance(connection, Protocol):
            connection.cut_if_slow(now)
