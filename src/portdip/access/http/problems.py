"""What goes wrong over HTTP, as problem details (RFC 9457): each is an exception and an ASGI application at once.

No number is in them: problems end in other people's logs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
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
        self.body = json.dumps(
            {
                "type": f"urn:portdip:problem:{kind}",
                "title": HTTPStatus(status).phrase,
                "status": status,
                "detail": detail,
            }
        ).encode()
        self.headers = [
            (b"content-type", MEDIA_TYPE),
            (b"content-length", b"%d" % len(self.body)),
            *((name.encode(), value.encode()) for name, value in (headers or {}).items()),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request with it."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


#: How a client of RFC 9110 is told to come back with a key.
_ASK_FOR_KEY = {"www-authenticate": 'Bearer realm="portdip"'}
_SOON = {"retry-after": "1"}

UNAUTHORIZED = Problem(
    401,
    "unauthorized",
    "Give an API key that is in force: Authorization: Bearer KEY. They are made with portdip keys api new.",
    _ASK_FOR_KEY,
)
FORBIDDEN = Problem(403, "forbidden", "The API key is not good for this: it lacks the scope.")
TOO_MANY = Problem(429, "too-many-requests", "The API key has used up its dips for now.", _SOON)
OVERLOADED = Problem(503, "overloaded", "There is more to do than this node can: ask another one, or later.", _SOON)
DAMAGED = Problem(500, "damaged", "The data that the answer needs is damaged. Run portdip verify on the store.")
INTERNAL = Problem(500, "internal", "This should not happen; the node's log says more.")
