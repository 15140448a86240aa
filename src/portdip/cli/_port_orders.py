"""The verbs of `portdip port` that are about one port: query, code, submit, answer, cancel, act, list, show."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from portdip.cli import _porting
from portdip.cli._porting import (
    REFUSED,
    As,
    AsJson,
    AsOwn,
    Cause,
    Identity,
    Moment,
    Name,
    NumberArgument,
    ReferenceArgument,
    StoreArgument,
)

if TYPE_CHECKING:
    from portdip.porting.acting import Wish

_Donor = Annotated[str, typer.Option(help="The carrier that serves the number.", metavar="CARRIER", show_default=False)]
_Reasons = Annotated[
    list[str] | None, typer.Option("--reason", help="Code of a reason; may be given several times.", metavar="CODE")
]
_Revision = Annotated[
    int | None,
    typer.Option(help="Only if the order is at this revision still.", min=1, metavar="REVISION", show_default=False),
]


class Answer(StrEnum):
    """What a donor may say to a submitted order."""

    APPROVE = "approve"
    REFUSE = "refuse"
    DELAY = "delay"
    OBJECT = "object"


def query(
    store: StoreArgument, number: NumberArgument, donor: _Donor, identity: Identity, name: Name = "", as_: AsOwn = ""
) -> None:
    """Ask whether a number can be ported. Exit code 4 if not, with every reason and what can be done about it."""
    from portdip.number import parse
    from portdip.porting.eligibility import Claim

    with _porting.opened(store) as layer:
        actor = _porting.actor(as_ or f"desk:{donor}")
        claim = Claim(identity, name)
        review = layer.applications.query(actor, layer.profile, parse(number), donor, claim, "asked at the desk")
        if review.eligible:
            print("the number can be ported")
            return
        for reason in review.reasons:
            print(f"{reason}: {layer.profile.reason_text(reason, 'en')}")
    raise typer.Exit(REFUSED)


def code(
    store: StoreArgument, number: NumberArgument, donor: _Donor, identity: Identity, name: Name = "", as_: AsOwn = ""
) -> None:
    """Issue the authorization code of a number, and print it: this once. Any earlier one is void.

    Exit code 4 if the number cannot be ported, with every reason.
    """
    from portdip.errors import IneligibleError
    from portdip.number import parse
    from portdip.porting.eligibility import Claim

    with _porting.opened(store) as layer:
        actor = _porting.actor(as_ or f"desk:{donor}")
        claim = Claim(identity, name)
        try:
            issued = layer.applications.issue_code(
                actor, layer.profile, parse(number), donor, claim, "asked at the desk"
            )
        except IneligibleError as error:
            for reason in error.reasons:
                print(f"{reason}: {layer.profile.reason_text(reason, 'en')}")
            raise typer.Exit(REFUSED) from None
        print(f"{issued.code}  until {issued.expires:%Y-%m-%dT%H:%M:%SZ}  order {issued.order.reference}")


def submit(
    store: StoreArgument,
    number: NumberArgument,
    recipient: Annotated[
        str,
        typer.Option("--to", help="The carrier that is to serve the number.", metavar="CARRIER", show_default=False),
    ],
    identity: Identity,
    routing_number: Annotated[
        str, typer.Option(help="What will reach the number there.", metavar="ROUTING-NUMBER", show_default=False)
    ] = "",
    code: Annotated[
        str, typer.Option(help="The authorization code, where the profile has them.", show_default=False)
    ] = "",
    name: Name = "",
    reference: Annotated[str, typer.Option(help="The order's reference; one of ours if none is given.")] = "",
    consent: Annotated[
        int | None,
        typer.Option(help="Id of the evidence that the subscriber was told the risks and agreed.", show_default=False),
    ] = None,
    risks_confirmed: Annotated[
        str,
        typer.Option(
            help="The subscriber was shown this version of the notice of risks and agrees: keeps the evidence of it.",
            metavar="NOTICE",
            show_default=False,
        ),
    ] = "",
    wished: Moment = None,
    as_: AsOwn = "",
) -> None:
    """Submit a port order, and say what became of it. Exit code 4 if it was rejected.

    Where the profile wants the subscriber's confirmation of the risks (cn), say --risks-confirmed or --consent.
    """
    from portdip.number import parse
    from portdip.porting.applying import Application
    from portdip.porting.eligibility import Claim
    from portdip.porting.states import State

    application = Application(
        parse(number),
        recipient,
        routing_number,
        Claim(identity, name),
        code=code,
        consent=consent,
        risks_confirmed=risks_confirmed,
        reference=reference,
        wished=wished,
    )
    with _porting.opened(store) as layer:
        actor = _porting.actor(as_ or f"desk:{recipient}")
        order = layer.applications.submit(actor, layer.profile, application, "applied at the desk")
        print(_porting.said(order, layer))
    if order.state is State.REJECTED:
        raise typer.Exit(REFUSED)


def answer(
    store: StoreArgument,
    reference: ReferenceArgument,
    answer: Annotated[Answer, typer.Argument(help="What the donor says.", show_default=False)],
    reason: _Reasons = None,
    moment: Moment = None,
    revision: _Revision = None,
    cause: Cause = "",
    as_: AsOwn = "",
) -> None:
    """Answer a submitted order as its donor: approve it (from --at on), refuse it, delay it until --at, or object."""
    from portdip.porting.acting import Deed, Wish

    wish = Wish(Deed(answer.value), cause or f"the donor's answer: {answer.value}", tuple(reason or ()), moment)
    _do(store, reference, wish, revision, as_, of_donor=True)


def cancel(
    store: StoreArgument,
    reference: ReferenceArgument,
    revision: _Revision = None,
    cause: Cause = "cancelled at the desk",
    as_: As = "centre",
) -> None:
    """Cancel an order; where the profile wants the other side's agreement it waits for that (see act)."""
    from portdip.porting.acting import Deed, Wish

    _do(store, reference, Wish(Deed.CANCEL, cause), revision, as_)


def act(
    store: StoreArgument,
    reference: ReferenceArgument,
    deed: Annotated[
        str,
        typer.Argument(
            help="approve, refuse, delay, object, resolve, schedule, cancel, acknowledge-cancel, undo-cancel, dispute, "
            "settle, suspend, resume, return, keep, release or resend.",
            metavar="DEED",
            show_default=False,
        ),
    ],
    reason: _Reasons = None,
    moment: Moment = None,
    revision: _Revision = None,
    cause: Cause = "",
    as_: As = "centre",
) -> None:
    """Do something with an order: all that its state, the profile and the role allow."""
    from portdip.porting.acting import Deed, Wish

    if deed not in list(Deed):
        raise typer.BadParameter(f"{deed!r} is none of {', '.join(Deed)}", param_hint="DEED")
    _do(store, reference, Wish(Deed(deed), cause or deed, tuple(reason or ()), moment), revision, as_)


def list_(
    store: StoreArgument,
    state: Annotated[str | None, typer.Option(help="Only orders in this state.", show_default=False)] = None,
    carrier: Annotated[
        str | None, typer.Option(help="Only orders that concern this carrier.", show_default=False)
    ] = None,
    number: Annotated[str | None, typer.Option(help="Only orders of this number.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List orders, the newest first, numbers masked."""
    from portdip.number import parse
    from portdip.porting.listing import Wanted, newest
    from portdip.porting.states import State

    if state and state not in list(State):
        raise typer.BadParameter(f"{state!r} is none of {', '.join(State)}", param_hint="--state")
    wanted = Wanted(carrier or "", State(state) if state else None, parse(number) if number else None)
    with _porting.opened(store) as layer, layer.database.reading() as connection:
        orders = newest(connection, layer.orders, wanted, limit)
    if as_json:
        print(json.dumps([_porting.as_json(order) for order in orders], ensure_ascii=False))
        return
    for order in orders:
        print(_porting.line(order))
    if not orders:
        print("no such orders")


def show(store: StoreArgument, reference: ReferenceArgument, as_json: AsJson = False) -> None:
    """Show an order, and all that was done with it."""
    from portdip.porting import audit

    with _porting.opened(store) as layer, layer.database.reading() as connection:
        order = layer.orders.find(connection, reference)
        records = audit.of_subject(connection, reference)
    if as_json:
        print(json.dumps(_porting.as_json(order) | {"audit": [_record(row) for row in records]}, ensure_ascii=False))
        return
    print(f"{order.reference}: {order.number}, {order.kind} by profile {order.profile}, {order.state}")
    print(f"  {order.donor} -> {order.recipient or '?'}, range of {order.range_holder}, version {order.version}")
    for name in ("wished", "first_possible", "slot", "activated", "due"):
        if moment := getattr(order, name):
            print(f"  {name.replace('_', ' ')}: {moment:%Y-%m-%dT%H:%M:%SZ}")
    for row in records:
        way = f"{row['before']} -> {row['after']}" if row["before"] != row["after"] else row["after"]
        who = f"{row['actor']} ({row['role']}{' ' + row['carrier'] if row['carrier'] else ''})"
        print(f"  {row['at']:%Y-%m-%dT%H:%M:%SZ}  {row['act']}: {way}  by {who}: {row['cause']} [{row['rule']}]")


def _record(row: dict[str, Any]) -> dict[str, Any]:
    shown = ("sequence", "actor", "role", "carrier", "act", "before", "after", "cause", "rule")
    return {"at": row["at"].isoformat()} | {name: row[name] for name in shown}


def _do(store: Path, reference: str, wish: Wish, revision: int | None, as_: str, *, of_donor: bool = False) -> None:
    """Do it as `as_` says, or as the order's donor; print the order."""
    from portdip.porting.acting import Acting

    with _porting.opened(store) as layer:
        with layer.database.transaction() as tx:
            if of_donor and not as_:
                as_ = f"donor:{layer.orders.find(tx.connection, reference).donor}"
            order = Acting(layer.steps, layer.after).do(tx, _porting.actor(as_), reference, wish, revision)
        print(_porting.said(order, layer))
