"""What goes wrong over HTTP, as problem details (RFC 9457): each is an exception and an ASGI application at once.

No number is in them: problems end in other people's logs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus

from starlette.types import Receive, Scope, Send

MEDIA_TYPE = b"application/problem+json"


class Problem(Exception):  # noqa: N818 - the field's word for it
    """One problem: `status` (HTTP), `title` (what kind), `detail` (what to do about this one), further headers.

    The kind is named by `type`, urn:portdip:problem:<kind>.
    """

    def __init__(self, status: int, kind: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.body = _rendered(status, kind, detail)
        self.headers = [
            (b"content-type", MEDIA_TYPE),
            (b"content-length", b"%d" % len(self.body)),
            *((name.encode(), value.encode()) for name, value in (headers or {}).items()),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request with it."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


@lru_cache(256)
def _rendered(status: int, kind: str, detail: str) -> bytes:
    """The JSON of a problem: under a flood it is always the same few."""
    title = HTTPStatus(status).phrase
    return json.dumps(
        {"type": f"urn:portdip:problem:{kind}", "title": title, "status": status, "detail": detail}
    ).encode()


def unauthorized() -> Problem:
    """No key, or none that is in force; the header tells how to come back with one (RFC 9110)."""
    detail = "Give an API key that is in force: Authorization: Bearer KEY. They are made with portdip keys api new."
    return Problem(401, "unauthorized", detail, {"www-authenticate": 'Bearer realm="portdip"'})


def forbidden() -> Problem:
    """A key for something else."""
    return Problem(403, "forbidden", "The API key is not good for this: it lacks the scope.")


def too_many() -> Problem:
    """A key that has asked too much."""
    return Problem(429, "too-many-requests", "The API key has used up its dips for now.", {"retry-after": "1"})


def overloaded() -> Problem:
    """More requests than there is time for."""
    detail = "There is more to do than this node can: ask another one, or later."
    return Problem(503, "overloaded", detail, {"retry-after": "1"})


def damaged() -> Problem:
    """Data that failed its checksums."""
    return Problem(500, "damaged", "The data that the answer needs is damaged. Run portdip verify on the store.")


def internal() -> Problem:
    """A mistake of ours."""
    return Problem(500, "internal", "This should not happen; the node's log says more.")
