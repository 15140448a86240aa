"""`portdip kamailio-config`: a SIP redirect server that dips here."""

from __future__ import annotations

from typing import Annotated

import typer


def kamailio_config(
    pdb: Annotated[
        list[str] | None,
        typer.Option(help="Dip by pdb, at all of these at once: 127.0.0.1:5574.", metavar="HOST:PORT"),
    ] = None,
    enum: Annotated[
        str, typer.Option(help="Dip by ENUM instead, under this apex, through the host's resolver.", metavar="APEX")
    ] = "",
    listen: Annotated[str, typer.Option(help="Where SIP comes in, over UDP and TCP.")] = "127.0.0.1:5060",
    client: Annotated[
        list[str] | None, typer.Option(help="A network that may ask: 127.0.0.0/8.", metavar="NETWORK")
    ] = None,
    gateway: Annotated[str, typer.Option(help="What the Contact names after the @.")] = "gateway.invalid",
    contact: Annotated[
        str,
        typer.Option(
            help="npdi, rn, plain or lrn. Ported numbers as number;npdi;rn=..., for lrn the routing number alone; "
            "others as number;npdi, for rn number;npdi;rn=number, for plain and lrn the number alone."
        ),
    ] = "npdi",
    unknown_route: Annotated[
        str, typer.Option(help="Redirect there where nobody serves the number; without it 404.", metavar="HOST")
    ] = "",
    failed_route: Annotated[
        str, typer.Option(help="Redirect there where no answer comes in time; without it 503.", metavar="HOST")
    ] = "",
    timeout_ms: Annotated[int, typer.Option(min=1, max=1000, help="How long to wait for pdb.")] = 50,
    rn_prefix: Annotated[
        str, typer.Option(help="Before the carrier's integer it makes the routing number, which pdb has no room for.")
    ] = "D",
) -> None:
    """Print a configuration for Kamailio that makes it a SIP redirect server: INVITE in, 302 out.

    By ENUM it tells unknown numbers from nodes that are down if portdip is set up by deploy/kamailio/portdip.toml.
    """
    from portdip import settings
    from portdip.access.redirect import Redirect

    redirect = Redirect(
        listen=listen,
        clients=tuple(client or Redirect.clients),
        gateway=gateway,
        contact=contact,
        servers=tuple(pdb or Redirect.servers),
        timeout_ms=timeout_ms,
        rn_prefix=rn_prefix,
        other=settings.load().access.pdb_server.other,
        apex=enum,
        unknown_route=unknown_route,
        failed_route=failed_route,
    )
    print(redirect.configuration(), end="")
