"""The least that an ASGI application can do: one body, whatever is asked."""

from __future__ import annotations

import os
from typing import Any

_BODY = os.environ.get("PORTDIP_BENCH_BODY", "").encode()
_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_BODY))],
}


async def application(scope: Any, receive: Any, send: Any) -> None:
    await send(_START)
    await send({"type": "http.response.body", "body": _BODY})
