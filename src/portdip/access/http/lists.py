"""Many dips in one request: a list in JSON or text, or an Arrow stream in and out.

All answers of a list come from one generation. An Arrow stream is answered while it comes, so whoever sends one has to
read meanwhile; who does not is cut off once no more fits between us.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import TypeVar

import orjson
import structlog
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from portdip.access.api_keys import ApiKey
from portdip.access.http import arrow_stream
from portdip.access.http.arrow_stream import ArrowDips, MessageSplitter
from portdip.access.http.bodies import Disconnected, pieces, whole
from portdip.access.http.front import key_of
from portdip.access.http.problems import Problem
from portdip.access.http.service import HttpService
from portdip.errors import PortdipError

JSON, TEXT, ARROW = "application/json", "text/plain", arrow_stream.MEDIA_TYPE
#: What has no more bytes is worked on at once, for less time than handing it to a thread takes.
_INLINE_BYTES = 1 << 14

_log = structlog.get_logger("portdip.access.http")

Result = TypeVar("Result")


class Lists:
    """The ASGI application behind POST /v1/dips."""

    def __init__(self, service: HttpService) -> None:
        self._service = service
        self._settings = service.settings.http_server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one list. Raises Problem where nothing has been answered yet."""
        headers = Headers(scope=scope)
        kind = headers.get("content-type", JSON).partition(";")[0].strip().lower()
        answering = {JSON: self._json, TEXT: self._text, ARROW: self._arrow}.get(kind)
        if answering is None or headers.get("content-encoding", "identity").lower() != "identity":
            raise Problem(
                415,
                "unsupported-media-type",
                f"Send {JSON}, {TEXT} or {ARROW}, without a content encoding.",
                {"accept-post": f"{JSON}, {TEXT}, {ARROW}"},
            )
        self._service.begin_list()
        try:
            await answering(scope, headers, receive, send)
        except Disconnected:
            return
        finally:
            self._service.end_list()

    async def _json(self, scope: Scope, headers: Mapping[str, str], receive: Receive, send: Send) -> None:
        body = await whole(receive, headers, self._settings.json_bytes, self._settings.stall_seconds)
        numbers = _numbers(body)
        self._service.budgets.spend(key_of(scope), len(numbers))
        texts = self._service.texts()
        dips, counts = await self._work(len(body), lambda: texts.many(numbers))
        self._service.tally.dips(counts)
        await self._reply(JSON, b'{%b,"dips":%b}' % (texts.moment, dips), len(body), send)

    async def _text(self, scope: Scope, headers: Mapping[str, str], receive: Receive, send: Send) -> None:
        body = await whole(receive, headers, self._settings.json_bytes, self._settings.stall_seconds)
        self._service.budgets.spend(key_of(scope), body.count(b"\n") + 1)
        texts = self._service.texts()
        lines, counts = await self._work(len(body), lambda: texts.lines(body))
        self._service.tally.dips(counts)
        await self._reply(f"{TEXT}; charset=utf-8", lines, len(body), send)

    async def _arrow(self, scope: Scope, headers: Mapping[str, str], receive: Receive, send: Send) -> None:
        dips, splitter = ArrowDips(self._service.engine.generation), MessageSplitter()
        has_begun = False
        try:
            async for piece in pieces(receive, headers, self._settings.bulk_bytes, self._settings.stall_seconds):
                self._service.tally.moved(len(piece), 0)
                for message in splitter.feed(piece):
                    async for answered in self._answered(dips, message, key_of(scope)):
                        if not has_begun:
                            has_begun = True
                            await _begin(ARROW, None, send)
                        self._service.tally.moved(0, len(answered))
                        await send({"type": "http.response.body", "body": answered, "more_body": True})
            splitter.finish()
            end = dips.finish()
        except (Problem, PortdipError) as error:
            if not has_begun:
                raise
            # What was sent is right; that the stream is cut short tells that it is not all.
            _log.warning("stream cut", error=str(error))
            return
        finally:
            self._service.tally.dips(dips.counts.tolist())
        if not has_begun:
            await _begin(ARROW, None, send)
        await send({"type": "http.response.body", "body": end})

    async def _answered(self, dips: ArrowDips, message: bytes, key: ApiKey | None) -> AsyncIterator[bytes]:
        """The answers to one message, no faster than the key may ask."""
        batches, is_last = dips.answer(message), False
        while not is_last:
            answered, rows, is_last = await self._work(len(message), partial(next, batches))
            if answered:
                yield answered
            if owed := self._service.budgets.owe(key, rows):
                await asyncio.sleep(owed)

    async def _work(self, size: int, work: Callable[[], Result]) -> Result:
        """What `work` makes of so many bytes: here where they are few, or in a thread while single dips go on."""
        if size <= _INLINE_BYTES:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._service.threads, work)

    async def _reply(self, kind: str, body: bytes, received: int, send: Send) -> None:
        self._service.tally.moved(received, len(body))
        await _begin(kind, len(body), send)
        await send({"type": "http.response.body", "body": body})


async def _begin(kind: str, size: int | None, send: Send) -> None:
    headers = [(b"content-type", kind.encode())]
    if size is not None:
        headers.append((b"content-length", b"%d" % size))
    await send({"type": "http.response.start", "status": 200, "headers": headers})


def _numbers(body: bytes) -> list[str]:
    """The numbers of {"numbers": [...]}. Raises Problem."""
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem(400, "malformed", f"The body is no JSON: {error.msg}.") from error
    numbers = asked.get("numbers") if isinstance(asked, dict) and len(asked) == 1 else None
    if not isinstance(numbers, list) or not all(type(number) is str for number in numbers):
        raise Problem(422, "unprocessable", 'Send an object {"numbers": [...]}, the numbers as strings.')
    return numbers
