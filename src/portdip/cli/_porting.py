"""What the verbs of `portdip port` and `portdip audit` share: opening the layer, who acts, how orders are shown."""

from __future__ import annotations

import contextlib
import getpass
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from portdip.cli import _moments

if TYPE_CHECKING:
    from portdip.porting.actor import Actor
    from portdip.porting.layer import Layer
    from portdip.porting.orders import Order

#: The exit code where the answer is a refusal, with its reasons.
REFUSED = 4

StoreArgument = Annotated[
    Path, typer.Argument(help="The store that the layer publishes to.", metavar="STORE", show_default=False)
]
NumberArgument = Annotated[
    str, typer.Argument(help="In digits, country code first.", metavar="NUMBER", show_default=False)
]
ReferenceArgument = Annotated[
    str, typer.Argument(help="The order's reference.", metavar="REFERENCE", show_default=False)
]
As = Annotated[
    str,
    typer.Option("--as", help="Who acts: centre, regulator, or a carrier's ROLE:CARRIER.", metavar="ROLE[:CARRIER]"),
]
AsOwn = Annotated[
    str,
    typer.Option(
        "--as",
        help="Who acts; a desk of the carrier that is named if nothing is said.",
        metavar="ROLE[:CARRIER]",
        show_default=False,
    ),
]
Cause = Annotated[str, typer.Option("--cause", help="Why, for the audit.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, all fields in it.")]
Identity = Annotated[
    str,
    typer.Option(
        help="The applicant's identity number; asked for where it is not given, so that no list of processes shows it.",
        prompt="Identity number",
        hide_input=True,
        envvar="PORTDIP_IDENTITY",
        show_default=False,
    ),
]
Name = Annotated[str, typer.Option(help="The applicant's name.", envvar="PORTDIP_NAME", show_default=False)]
Moment = Annotated[
    datetime | None,
    typer.Option(
        "--at", parser=_moments.parse, metavar="TIME", help="The moment that goes with it.", show_default=False
    ),
]


@contextlib.contextmanager
def opened(store: Path) -> Iterator[Layer]:
    """The porting layer of a store, by the settings of this process."""
    from portdip import settings
    from portdip.porting.layer import Layer
    from portdip.table.store import Store

    found = Store.open(store)
    with Layer.open(found.path, settings.load().porting, found.writer) as layer:
        yield layer


def actor(said: str) -> Actor:
    """Who acts, from `ROLE` or `ROLE:CARRIER`; the audit gets the name of the user who runs this."""
    from portdip.porting.actor import CARRIER_ROLES, Actor, Role

    word, _, carrier = said.partition(":")
    roles = [role for role in Role if role is not Role.SYSTEM]
    if word not in roles or (word in CARRIER_ROLES) != bool(carrier):
        shown = ", ".join(f"{role}:CARRIER" if role in CARRIER_ROLES else role for role in roles)
        raise typer.BadParameter(f"{said!r} is none of {shown}", param_hint="--as")
    return Actor(getpass.getuser(), Role(word), carrier)


def as_json(order: Order) -> dict[str, Any]:
    """All of an order; a number is text in JSON."""
    import dataclasses

    return {
        name: str(value) if name == "number" else value.isoformat() if isinstance(value, datetime) else value
        for name, value in dataclasses.asdict(order).items()
    }


def line(order: Order) -> str:
    """An order in a list, its number masked."""
    from portdip import number

    slot = f"  {order.slot:%Y-%m-%dT%H:%M:%SZ}" if order.slot else ""
    mark = " (disputed)" if order.disputed else ""
    way = f"{order.donor} -> {order.recipient or '?'}"
    return f"{order.reference}  {number.mask(order.number)}  {order.state}{mark}  {way}{slot}"


def said(order: Order, layer: Layer) -> str:
    """An order after something was done with it, its reasons in words."""
    profile = layer.orders.profile_of(order)
    words = [profile.reason_text(reason, "en") for reason in order.reasons]
    return "\n".join([line(order), *(f"  {word}" for word in words)])
