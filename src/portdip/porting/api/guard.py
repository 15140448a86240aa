"""What every request goes through: whose key it has, whether that role may, and whether it came before.

A route's function says by `for_roles` who may use it; a route without is refused when the application is built.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from portdip.errors import PortdipError, StaleOrderError
from portdip.porting.actor import Actor, Role
from portdip.porting.api import keys, problems
from portdip.porting.api.keys import ApiKey
from portdip.porting.api.problems import Problem
from portdip.porting.api.repeats import Answer, Repeats
from portdip.porting.layer import Layer

#: Everybody who may have a key.
EVERYBODY = frozenset(Role) - {Role.SYSTEM}

_CHANGING = frozenset({"POST", "PUT", "DELETE"})
_IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,128}")
_REVISION = re.compile(r'"([0-9]{1,9})"')
#: The largest body, in bytes, of routes that do not say another.
_BODY_MAX = 1 << 20
#: Headers of an answer that belong to it when it is given again.
_KEPT_HEADERS = ("content-type", "etag", "location")

_Endpoint = TypeVar("_Endpoint", bound=Callable[..., Any])


def for_roles(*roles: Role, body_max: int = _BODY_MAX) -> Callable[[_Endpoint], _Endpoint]:
    """Say of a route's function who may use it, and how large a body may be, in bytes."""

    def say(endpoint: _Endpoint) -> _Endpoint:
        endpoint.roles = frozenset(roles)  # type: ignore[attr-defined]
        endpoint.body_max = body_max  # type: ignore[attr-defined]
        return endpoint

    return say


class Guard:
    """The door of an application. Safe to share between threads."""

    def __init__(self, layer: Layer) -> None:
        self._database = layer.database
        self._repeats = Repeats(layer.database, layer.vault)

    async def key_of(self, request: Request) -> ApiKey:
        """The key that a request has. Raises Problem without one in force."""
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        key = await run_in_threadpool(self._find, text.strip()) if scheme.lower() == "bearer" else None
        if key is None:
            raise problems.UNAUTHORIZED
        return key

    async def once(
        self, request: Request, key: ApiKey, handle: Callable[[Request], Coroutine[Any, Any, Response]]
    ) -> Response:
        """Answer a request, or give the answer of before where its idempotency key says that it came already."""
        said = request.headers.get("idempotency-key")
        if said is None or request.method not in _CHANGING:
            return await handle(request)
        if not _IDEMPOTENCY_KEY.fullmatch(said):
            raise Problem(422, "unprocessable", "Idempotency-Key: 1 to 128 visible characters.")
        parts = (request.method, request.url.path, request.url.query, request.headers.get("if-match", ""))
        body = await request.body()
        known = await run_in_threadpool(self._repeats.begin, key.id, said, *(part.encode() for part in parts), body)
        if known is not None:
            return Response(known.body, known.status, known.headers | {"idempotency-replayed": "true"})
        answer: Answer | None = None
        try:
            response = await _handled(request, handle)
            if response.status_code < 500:
                headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
                answer = Answer(response.status_code, headers, bytes(response.body))
        finally:
            await run_in_threadpool(self._repeats.finish, key.id, said, answer)
        return response

    def _find(self, text: str) -> ApiKey | None:
        now = self._database.now()
        with self._database.reading() as connection:
            return keys.find(connection, text, now)


async def _handled(request: Request, handle: Callable[[Request], Coroutine[Any, Any, Response]]) -> Response:
    """The answer, errors that have one included."""
    try:
        return await handle(request)
    except (PortdipError, Problem, RequestValidationError, HTTPException) as error:
        return problems.of_error(error)


class GuardedRoute(APIRoute):
    """A route whose requests are guarded."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, behind the guard."""
        handle = super().get_route_handler()
        said = vars(getattr(self.endpoint, "__func__", self.endpoint))
        roles: frozenset[Role] = said["roles"]
        body_max: int = said["body_max"]
        known = {field.alias for field in self.dependant.query_params}

        async def guarded(request: Request) -> Response:
            guard: Guard = request.app.state.guard
            key = await guard.key_of(request)
            request.state.actor = key.actor
            if key.role not in roles:
                raise Problem(403, "forbidden", f"This is not for the role {key.role}.")
            if set(request.query_params) - known:
                raise Problem(422, "unprocessable", f"Unknown query parameters; known: {', '.join(known) or 'none'}.")
            if int(request.headers.get("content-length") or 0) > body_max or "chunked" in request.headers.get(
                "transfer-encoding", ""
            ):
                raise Problem(413, "too-large", f"A body has at most {body_max} bytes, and says how many.")
            return await guard.once(request, key, handle)

        return guarded


def actor_of(request: Request) -> Actor:
    """Who asks."""
    actor: Actor = request.state.actor
    return actor


def revision_of(request: Request) -> int:
    """The revision of what the request is about (If-Match). Raises Problem where it is not said."""
    said = request.headers.get("if-match")
    if said is None:
        raise Problem(428, "revision-wanted", 'Say which revision you saw: If-Match: "REVISION".')
    match = _REVISION.fullmatch(said.strip())
    if match is None:
        raise StaleOrderError("no revision", expected='If-Match: "REVISION"')
    return int(match[1])
