"""`portdip serve`: answer the network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from portdip.settings.access import Access

_ADDRESS = "host:port, [ipv6]:port or, for this machine only, :port; may be given several times."


def serve(
    store: Annotated[Path, typer.Argument(help="The store.", show_default=False)],
    http: Annotated[list[str] | None, typer.Option(help=f"Address for HTTP: {_ADDRESS}", metavar="ADDRESS")] = None,
    enum: Annotated[
        list[str] | None, typer.Option(help="Address for ENUM, over UDP and TCP.", metavar="ADDRESS")
    ] = None,
    pdb: Annotated[list[str] | None, typer.Option(help="Address for Kamailio's pdb.", metavar="ADDRESS")] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=256, help="Processes that answer: 1.")] = None,
    resident: Annotated[
        bool | None, typer.Option("--resident", help="Each worker copies the index into huge pages of its own.")
    ] = None,
    follow: Annotated[
        str | None,
        typer.Option(
            help="Keep the store current from there, as `portdip follow` does; it is founded if it is not there.",
            metavar="SOURCE",
        ),
    ] = None,
    porting: Annotated[
        list[str] | None,
        typer.Option(
            help="Address for the porting API. It runs apart from what answers dips, and so do the cut-overs.",
            metavar="ADDRESS",
        ),
    ] = None,
) -> None:
    """Answer dips over HTTP, ENUM and Kamailio's pdb protocol, until SIGTERM or SIGINT.

    Options go before the settings (portdip.toml, or the file that PORTDIP_SETTINGS names, and the environment). SIGHUP
    reads those again and renews the workers one by one; nobody who asks meanwhile notices.
    """
    from portdip.access import logging
    from portdip.service.parent import Parent

    chosen: dict[str, object] = {"http": http, "enum": enum, "pdb": pdb, "workers": workers, "resident": resident}
    given = {name: value for name, value in chosen.items() if value is not None}
    logging.configure()
    Parent(store, lambda: _settings(given), follow, porting or ()).run()


def _settings(given: dict[str, object]) -> Access:
    from portdip import settings

    access = settings.load().access
    return type(access).model_validate(access.model_dump() | given)
