"""The TCP side of a worker: HTTP and ENUM, in one event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from portdip.access import Clients, Limits, Responder
from portdip.access.api_keys import ApiKeyFile, LiveApiKeys
from portdip.access.enum_tcp import EnumTcp
from portdip.access.http.server import serve_http
from portdip.access.http.service import HttpService
from portdip.lookup.engine import Engine

if TYPE_CHECKING:
    from portdip.service.worker import Task


@asynccontextmanager
async def serving(
    task: Task, engine: Engine, responder: Callable[[], Responder], is_down: Callable[[], bool]
) -> AsyncIterator[None]:
    """Answer at the task's sockets, which listen, during the block; what has come in by its end is still answered.

    `responder` and `is_down` are asked for every query over ENUM's TCP. Raises SettingsError or ssl.SSLError.
    """
    async with AsyncExitStack() as stack:
        http = [listening for place, listening in task.sockets.items() if place.protocol == "http"]
        if http:
            keys = LiveApiKeys(ApiKeyFile(task.store))
            service = HttpService(engine, task.access, task.counters, task.row, keys, is_down)
            await stack.enter_async_context(serve_http(service, http))
        enum = [listening for place, listening in task.sockets.items() if place.protocol == "enum_tcp"]
        if enum:
            clients = Clients(task.access.udp.clients, list(task.access.enum_zone.profiles))
            limits = Limits(clients, task.access.udp.slip)
            server = EnumTcp(responder, is_down, clients, limits, task.counters.row(task.row, "enum_tcp"))
            stack.push_async_callback(server.stop)
            for listening in enum:
                await server.serve(listening)
        yield
