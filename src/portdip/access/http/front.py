"""The first that a request meets: who may ask, and the single dip of every call, answered here.

A plain ASGI application: FastAPI's routing alone would cost some four times as much as everything here.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address
from time import perf_counter_ns

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portdip.access._responder import OUTCOMES
from portdip.access.api_keys import ApiKey
from portdip.access.http.problems import Problem, damaged, forbidden, overloaded, unauthorized
from portdip.access.http.service import HttpService
from portdip.errors import PortdipError

#: The paths that anybody may ask for: nothing of the data is in them.
OPEN = frozenset({"/healthz", "/readyz", "/openapi.json", "/docs"})
_DIPS = "/v1/dips/"
_LISTS = "/v1/dips"
_ADMIN = frozenset({"/metrics"})
_BEARER = b"bearer "
#: A proxy in front of us says so; whoever comes through one is not on this machine.
_FORWARDED = frozenset({b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip", b"via"})

_KEY = "portdip.key"
_JSON = (b"content-type", b"application/json")
_LENGTHS = [(b"content-length", b"%d" % size) for size in range(1024)]

_log = structlog.get_logger("portdip.access.http")


def key_of(scope: Scope) -> ApiKey | None:
    """The key that a request was let in by; None for one from this machine without any."""
    key: ApiKey | None = scope[_KEY]
    return key


def is_single_dip(scope: Scope) -> bool:
    """Whether `Front` answers a request itself. It then waits for nothing, unless the client does not read."""
    path: str = scope["path"]
    return path.startswith(_DIPS) and path != _DIPS and scope["method"] == "GET" and not scope["query_string"]


class Front:
    """The door, and the per-call route; the rest goes on to `rest`."""

    def __init__(self, service: HttpService, rest: ASGIApp) -> None:
        self._service = service
        self._rest = rest
        self._loop_delay_max = service.settings.http_server.loop_delay_ms
        self._log_share = service.settings.log_dips

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        began = perf_counter_ns()
        path: str = scope["path"]
        service = self._service
        try:
            if path not in OPEN:
                self._admit(scope, path)
            if is_single_dip(scope):
                body, outcome = service.texts().one(path[len(_DIPS) :])
            else:
                await self._pass_on(scope, receive, send)
                return
        except Problem as problem:
            await self._refuse(problem, scope, receive, send)
            return
        except PortdipError as error:
            _log.error("dip failed", error=str(error))
            await self._refuse(damaged(), scope, receive, send)
            return
        size = len(body)
        length = _LENGTHS[size] if size < len(_LENGTHS) else (b"content-length", b"%d" % size)
        await send({"type": "http.response.start", "status": 200, "headers": [_JSON, length]})
        await send({"type": "http.response.body", "body": body})
        service.tally.dip(outcome, began, size)
        if self._log_share and random.random() < self._log_share:  # noqa: S311 - a sample, no secret
            _log.info("dip", number=path[len(_DIPS) :], status=OUTCOMES[outcome], key=_name(scope))

    def _admit(self, scope: Scope, path: str) -> None:
        """Let the request in, or raise the problem that keeps it out."""
        service = self._service
        if service.loop_delay_ms > self._loop_delay_max:
            raise overloaded()
        headers = dict(scope["headers"])
        authorization = headers.get(b"authorization")
        if authorization is None:
            if scope["server"] not in service.local or not _is_from_here(scope, headers):
                raise unauthorized()
            scope[_KEY] = None
            return
        key = service.keys.find(authorization[len(_BEARER) :])
        if key is None or authorization[: len(_BEARER)].lower() != _BEARER:
            raise unauthorized()
        wanted = "bulk" if path == _LISTS else "admin" if path in _ADMIN else "dip"
        if wanted not in key.scopes:
            raise forbidden()
        if wanted == "dip":
            service.budgets.spend(key)
        scope[_KEY] = key

    async def _refuse(self, problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
        self._service.tally.reply(problem.status)
        await problem(scope, receive, send)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._rest(scope, receive, sending)
        finally:
            self._service.tally.reply(status or 500)


def _name(scope: Scope) -> str:
    key = key_of(scope)
    return key.id if key else ""


def _is_from_here(scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
    """Whether a request comes from a program on this machine that knows whom it asks.

    A proxy on this machine may bring others', and a browser on it may be sent here by a foreign page, under a name of
    its own that stands for our address.
    """
    client = scope.get("client")
    return (
        client is not None
        and _is_loopback(client[0])
        and _FORWARDED.isdisjoint(headers)
        and _is_our_name(headers.get(b"host", b""))
    )


@lru_cache(1024)
def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


@lru_cache(1024)
def _is_our_name(host: bytes) -> bool:
    name = host.decode("latin-1").lower()
    name = name[1:].partition("]")[0] if name.startswith("[") else name.rpartition(":")[0] or name
    return name == "localhost" or _is_loopback(name)
