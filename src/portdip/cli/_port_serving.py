"""`portdip port serve` and `portdip port keys`: the porting API, and who may use it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from portdip.cli import _moments, _porting
from portdip.cli._porting import As, Cause, StoreArgument

if TYPE_CHECKING:
    import socket

    import uvicorn

keys = typer.Typer(help="Who may use the porting API: its keys.", no_args_is_help=True)

#: Requests at work at a time, a database connection each; a pool has fifteen.
_THREADS = 12
_DELIVER_EVERY_SECONDS = 0.2
_CUT_EVERY_SECONDS = 1.0


@keys.command("new")
def new_key(
    store: StoreArgument,
    role: Annotated[
        str,
        typer.Argument(
            help="centre, regulator, or a carrier's: desk, recipient, donor or range-holder, as ROLE:CARRIER.",
            metavar="ROLE[:CARRIER]",
            show_default=False,
        ),
    ],
    owner: Annotated[str, typer.Option(help="Whose key it is, for people.", show_default=False)] = "",
    expires: Annotated[
        datetime | None,
        typer.Option(
            help="It is good for nothing from then on.", parser=_moments.parse, metavar="TIME", show_default=False
        ),
    ] = None,
    as_: As = "centre",
) -> None:
    """Make a key and print it: this once, for only its SHA-256 is kept. It is good at once."""
    from portdip.porting.api import keys as api_keys

    user = _porting.actor(role)
    with _porting.opened(store) as layer, layer.database.transaction() as tx:
        text = api_keys.new(tx, _porting.actor(as_), user.role, user.carrier, owner, expires)
    print(text)


@keys.command("list")
def list_keys(store: StoreArgument) -> None:
    """List the keys: for whom they are, and until when. Nobody can read a key itself any more."""
    from portdip.porting.api import keys as api_keys

    with _porting.opened(store) as layer:
        now = layer.database.now()
        with layer.database.reading() as connection:
            found = api_keys.all_keys(connection)
    for key in found:
        state = "in force" if key.is_in_force(now) else "revoked" if key.revoked else "expired"
        ends = f", until {key.expires:%Y-%m-%dT%H:%M:%SZ}" if key.expires else ""
        print(f"{key.id}  {state}{ends}  {key.role} {key.carrier}  {key.owner}".rstrip())
    if not found:
        print("no keys: the API lets nobody in")


@keys.command("revoke")
def revoke_key(
    store: StoreArgument,
    identifier: Annotated[str, typer.Argument(help="The id of the key.", metavar="ID", show_default=False)],
    cause: Cause = "",
    as_: As = "centre",
) -> None:
    """End a key, at once."""
    from portdip.porting.api import keys as api_keys

    with _porting.opened(store) as layer, layer.database.transaction() as tx:
        api_keys.revoke(tx, _porting.actor(as_), identifier, cause)
    print(f"revoked {identifier}")


def serve(
    store: StoreArgument,
    address: Annotated[
        list[str],
        typer.Argument(
            help="host:port, [ipv6]:port or, for this machine only, :port.", metavar="ADDRESS...", show_default=False
        ),
    ],
) -> None:
    """Answer the porting API and post events to webhooks, until SIGTERM or SIGINT. Cut-overs are done by `run`.

    TLS and limits are those of HTTP in the settings (portdip.settings.access).
    """
    import socket
    from logging import WARNING, getLogger

    import uvicorn

    from portdip import settings
    from portdip.access import addresses, logging
    from portdip.access.http import docs_page
    from portdip.access.http.server import server_config
    from portdip.cli._served import Served
    from portdip.porting.api.app import DocsPage, application
    from portdip.porting.api.webhooks import Deliveries
    from portdip.porting.notices import Notices
    from portdip.porting.text_senders import sender_of
    from portdip.table.store import Store

    chosen = settings.load()
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(contextlib.closing(addresses.bound(one, socket.SOCK_STREAM))) for one in address]
        found = Store.open(store)
        layer = stack.enter_context(_porting.opened(store))
        logging.configure()
        getLogger("httpx").setLevel(WARNING)  # it tells every URL that is posted to
        servers: list[uvicorn.Server] = []
        sender = sender_of(chosen.porting.sms)
        docs = DocsPage(docs_page.PAGE, docs_page.HEADERS)
        app = application(
            layer, sender, lambda: Served(found, layer.database.now()), docs, lambda: servers[0].should_exit
        )
        servers.append(uvicorn.Server(server_config(chosen.access.http_server, app)))
        deliveries = stack.enter_context(contextlib.closing(Deliveries(layer.database, layer.vault, chosen.porting)))
        stack.enter_context(_delivering("webhooks", deliveries.step))
        notices = Notices(layer.database, layer.orders.profiles, sender)
        stack.enter_context(_delivering("notices", notices.step))
        asyncio.run(_serve(servers[0], sockets))


async def _serve(server: uvicorn.Server, sockets: list[socket.socket]) -> None:
    """Answer until a signal comes, and cut off who is slow meanwhile."""
    from anyio import to_thread

    from portdip.access.http.protocol import cut_slow

    to_thread.current_default_thread_limiter().total_tokens = _THREADS

    async def watch() -> None:
        while True:
            await asyncio.sleep(_CUT_EVERY_SECONDS)
            cut_slow(server.server_state.connections, asyncio.get_running_loop().time())

    watching = asyncio.create_task(watch())
    try:
        await server.serve(sockets)
    finally:
        watching.cancel()


@contextlib.contextmanager
def _delivering(what: str, step: Callable[[], int]) -> Iterator[None]:
    """Send what waits by a thread of its own during the block, a step at a time for as long as there is something."""
    stop = threading.Event()
    thread = threading.Thread(target=_deliver, args=(what, step, stop.wait), name=what, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _deliver(what: str, step: Callable[[], int], stop: Callable[[float], bool]) -> None:
    import structlog

    from portdip.errors import PortdipError

    while not stop(_DELIVER_EVERY_SECONDS):
        try:
            while step() and not stop(0):
                pass
        except PortdipError as error:
            structlog.get_logger("portdip.porting").warning(f"{what} wait", why=str(error))
