"""The bodies of requests as they come: bounded in size, cut where they stand still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from starlette.types import Receive

from portdip.access.http.problems import Problem


class Disconnected(Exception):  # noqa: N818 - nobody is left to be told of an error
    """The client has gone."""


async def pieces(receive: Receive, headers: Mapping[str, str], bytes_max: int, stall_s: float) -> AsyncIterator[bytes]:
    """The pieces of a body. Raises Problem: 413 where it is too large, 408 where nothing comes for `stall_s`.

    Raises Disconnected where the client leaves before it has sent all.
    """
    announced = headers.get("content-length", "")
    received = 0
    if announced.isdecimal() and int(announced) > bytes_max:
        raise _too_large(bytes_max)
    while True:
        try:
            async with asyncio.timeout(stall_s):
                message = await receive()
        except TimeoutError:
            raise Problem(408, "timeout", f"Nothing came for {stall_s:g} s.", {"connection": "close"}) from None
        if message["type"] == "http.disconnect":
            raise Disconnected
        piece: bytes = message.get("body", b"")
        received += len(piece)
        if received > bytes_max:
            raise _too_large(bytes_max)
        if piece:
            yield piece
        if not message.get("more_body", False):
            return


async def whole(receive: Receive, headers: Mapping[str, str], bytes_max: int, seconds: float) -> bytes:
    """A body that has to be there within `seconds`, whole. Raises as `pieces` does."""
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for piece in pieces(receive, headers, bytes_max, seconds):
                body += piece
    except TimeoutError:
        raise Problem(408, "timeout", f"The body took more than {seconds:g} s.", {"connection": "close"}) from None
    return bytes(body)


def _too_large(bytes_max: int) -> Problem:
    return Problem(413, "too-large", f"The body has more than {bytes_max} bytes. Send a list in parts.")
