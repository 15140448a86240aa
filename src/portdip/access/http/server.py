"""uvicorn, as it runs our application on sockets that are bound already. Signals are for the process to handle."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from ipaddress import ip_address
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from portdip.access.http.app import application
from portdip.access.http.protocol import cut_slow, limited
from portdip.access.http.service import HttpService
from portdip.settings.access import Http

_SECURITY = [
    ("x-content-type-options", "nosniff"),
    ("cache-control", "no-store"),
    ("x-frame-options", "DENY"),
]
_SECURITY_OF_TLS = ("strict-transport-security", "max-age=31536000")
_BACKLOG = 1024
#: How long requests in flight have at a graceful stop.
_STOP_SECONDS = 10
#: How long connections may still ask then: a request may be on its way, or in the kernel.
_LINGER_S = 0.3
#: How often those who are slow are looked for; more often where the limits are shorter than some seconds.
_CUT_EVERY_S = 1.0
_CUT_SHARE = 0.25
#: How often the event loop is asked how late it is. Of several answers in a row the mean counts.
_PROBE_EVERY_S = 0.05
_PROBE_WEIGHT = 0.25


def server_config(settings: Http, app: ASGIApp) -> uvicorn.Config:
    """uvicorn's configuration for our settings. With `client_authority` a client must have a certificate as well."""
    options: dict[str, Any] = {}
    headers = list(_SECURITY)
    if settings.certificate is not None:
        headers.append(_SECURITY_OF_TLS)
        options |= {"ssl_certfile": settings.certificate, "ssl_keyfile": settings.key}
    if settings.client_authority is not None:
        options |= {"ssl_ca_certs": settings.client_authority, "ssl_cert_reqs": ssl.CERT_REQUIRED}
    return uvicorn.Config(
        app,
        http=limited(settings.connections, settings.header_seconds, settings.stall_seconds),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,  # requests name numbers
        proxy_headers=False,  # who asks is who the socket says, whatever a header claims
        server_header=False,
        headers=headers,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=_STOP_SECONDS,
        **options,
    )


@contextlib.asynccontextmanager
async def serve_http(service: HttpService, sockets: Sequence[socket.socket]) -> AsyncIterator[None]:
    """Answer on `sockets`, which listen, during the block; after it requests in flight are still answered.

    Which of them can be reached from this machine only is found out here: see `HttpService.local`. The sockets are
    closed in the end. Raises SettingsError or ssl.SSLError where certificates cannot be used.
    """
    places = [listening.getsockname()[:2] for listening in sockets]
    service.local = frozenset((host, port) for host, port in places if ip_address(host).is_loopback)
    settings = service.settings.http_server
    server = _Server(server_config(settings, application(service)), settings.header_seconds)
    serving = asyncio.create_task(server.serve(sockets=list(sockets)))
    watching = asyncio.create_task(_watch(service, server))
    try:
        while not server.started and not serving.done():
            await asyncio.sleep(0)
        if serving.done():
            serving.result()
        yield
    finally:
        service.is_stopping = True
        server.should_exit = True
        await serving
        watching.cancel()
        service.threads.shutdown(wait=False, cancel_futures=True)


class _Server(uvicorn.Server):
    """A server without signal handlers, whose clients may not take long over the TLS handshake either."""

    def __init__(self, config: uvicorn.Config, handshake_s: float) -> None:
        super().__init__(config)
        self._handshake_s = handshake_s

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        protocol: Any = self.config.http_protocol_class
        timeout = self._handshake_s if self.config.ssl else None
        self.servers = [
            await loop.create_server(
                lambda: protocol(config=self.config, server_state=self.server_state, app_state={}, _loop=loop),
                sock=listening,
                ssl=self.config.ssl,
                ssl_handshake_timeout=timeout,
                backlog=self.config.backlog,
            )
            for listening in sockets or []
        ]
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections. Those there are may still ask what is on its way, and are told to go then."""
        for server in self.servers:
            server.close()
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]
        loop = asyncio.get_running_loop()
        until = loop.time() + _LINGER_S
        await asyncio.sleep(_LINGER_S / 10)
        while self.server_state.connections and loop.time() < until:
            await asyncio.sleep(_LINGER_S / 10)
        await super().shutdown(sockets)


async def _watch(service: HttpService, server: uvicorn.Server) -> None:
    """Measure how late the loop is, and cut off who is slow."""
    loop = asyncio.get_running_loop()
    limits = service.settings.http_server
    cut_every_s = min(_CUT_EVERY_S, _CUT_SHARE * limits.header_seconds, _CUT_SHARE * limits.stall_seconds)
    cut_at = loop.time()
    while True:
        due = loop.time() + _PROBE_EVERY_S
        await asyncio.sleep(_PROBE_EVERY_S)
        now = loop.time()
        late_ms = max(0.0, now - due) * 1e3
        service.loop_delay_ms += _PROBE_WEIGHT * (late_ms - service.loop_delay_ms)
        if now >= cut_at:
            cut_slow(server.server_state.connections, now)
            cut_at = now + cut_every_s
