"""`portdip port complaints`, `violations`, `cases`, `kpis` and `erase`: what the regulator sees to."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from portdip.cli import _moments, _porting
from portdip.cli._porting import As, Cause, StoreArgument

evidence = typer.Typer(help="Evidence of what subscribers asked, were told and agreed to.", no_args_is_help=True)
complaints = typer.Typer(help="Complaints: the operator first, then the regulator.", no_args_is_help=True)
violations = typer.Typer(help="Violations of the nine prohibitions.", no_args_is_help=True)
cases = typer.Typer(help="Cases against carriers, up to the loss of the licence.", no_args_is_help=True)

_Carrier = Annotated[str, typer.Argument(help="The carrier.", metavar="CARRIER", show_default=False)]
_Reference = Annotated[str, typer.Argument(help="The reference.", metavar="REFERENCE", show_default=False)]
_Limit = Annotated[int, typer.Option(min=1, help="How many, the newest first.")]
_AsOfficer = Annotated[str, typer.Option("--as", help="Who acts.", metavar="ROLE[:CARRIER]")]
_Id = Annotated[int, typer.Argument(help="The violation's id.", metavar="ID", show_default=False)]


@evidence.command("add")
def add_evidence(
    store: StoreArgument,
    file: Annotated[Path, typer.Argument(help="The content.", metavar="FILE", show_default=False)],
    carrier: Annotated[str, typer.Option(help="The carrier that took it.", metavar="CARRIER", show_default=False)],
    kind: Annotated[str, typer.Option(help="Such as consent, authority, document.")] = "risk-confirmation",
    number: Annotated[
        str | None,
        typer.Option(help="The number that it is about; an order rests on one about its number.", show_default=False),
    ] = None,
    wording: Annotated[str, typer.Option(help="The version of the notice that was shown.", show_default=False)] = "",
    media_type: Annotated[str, typer.Option(help="The type of the content.")] = "application/octet-stream",
    as_: As = "centre",
) -> None:
    """Keep a piece of evidence, sealed; prints its id, which `submit --consent` takes."""
    from portdip import files
    from portdip.number import parse
    from portdip.porting.supervision.evidence import EvidenceKind, Subject, put

    if kind not in list(EvidenceKind):
        raise typer.BadParameter(f"{kind!r} is none of {', '.join(EvidenceKind)}", param_hint="--kind")
    content, about = files.read_bytes(file), Subject(carrier, None if number is None else parse(number))
    with _porting.opened(store) as layer, layer.database.transaction() as tx:
        actor = _porting.actor(as_)
        identifier = put(
            tx,
            layer.vault,
            layer.profile,
            actor,
            EvidenceKind(kind),
            about,
            content,
            wording=wording,
            media_type=media_type,
        )
    print(identifier)


@evidence.command("show")
def show_evidence(
    store: StoreArgument,
    identifier: Annotated[int, typer.Argument(help="Its id.", metavar="ID", show_default=False)],
    cause: Cause = "",
    as_: As = "centre",
) -> None:
    """Write the content to standard output; who saw it is in the audit chain."""
    import sys

    from portdip.porting.supervision.evidence import read

    with _porting.opened(store) as layer, layer.database.transaction() as tx:
        content = read(tx, layer.vault, _porting.actor(as_), identifier, cause)
    sys.stdout.buffer.write(content)


@complaints.command("open")
def open_complaint(
    store: StoreArgument,
    carrier: _Carrier,
    topic: Annotated[str, typer.Argument(help="What it is about, in a few words.", show_default=False)],
    number: Annotated[str | None, typer.Option(help="The number that it is about.", show_default=False)] = None,
    as_: As = "centre",
) -> None:
    """Open a complaint about a carrier; prints its reference."""
    from portdip.number import parse
    from portdip.porting.supervision.complaints import open_new

    with _porting.opened(store) as layer, layer.database.transaction() as tx:
        about = None if number is None else parse(number)
        made = open_new(tx, layer.profile, _porting.actor(as_), carrier, topic, number=about)
    print(f"{made.reference}  {made.stage}{_until(made.due)}")


@complaints.command("move")
def move_complaint(
    store: StoreArgument,
    reference: _Reference,
    deed: Annotated[str, typer.Argument(help="Such as answer, escalate, accept, settle.", show_default=False)],
    cause: Cause = "",
    as_: As = "centre",
) -> None:
    """Do something to a complaint: answer, satisfy, escalate, accept, refuse, reply, settle, close or withdraw."""
    from portdip.porting.supervision.complaints import Deed, find, move

    if deed not in list(Deed):
        raise typer.BadParameter(f"{deed!r} is none of {', '.join(Deed)}", param_hint="DEED")
    with _porting.opened(store) as layer, layer.database.transaction() as tx:
        found = find(tx.connection, reference)
        profile = layer.orders.profiles[found.profile]
        after = move(tx, profile, found, Deed(deed), _porting.actor(as_), cause)
    print(f"{after.reference}  {after.stage}{_until(after.due)}")


@complaints.command("list")
def list_complaints(store: StoreArgument, carrier: _Carrier, limit: _Limit = 50) -> None:
    """List the complaints about a carrier, the newest first."""
    from portdip.porting.supervision.complaints import newest

    with _porting.opened(store) as layer, layer.database.reading() as connection:
        found = newest(connection, limit, carrier=carrier)
    for one in found:
        late = f"  late: {', '.join(one.late)}" if one.late else ""
        print(f"{one.reference}  {one.stage}{_until(one.due)}  {one.topic}{late}")


@violations.command("report")
def report_violation(
    store: StoreArgument,
    carrier: _Carrier,
    code: Annotated[str, typer.Argument(help="V1 to V9.", show_default=False)],
    finding: Annotated[str, typer.Argument(help="What the carrier did.", show_default=False)],
    evidence: Annotated[list[int] | None, typer.Option(help="Ids of evidence.", show_default=False)] = None,
    as_: _AsOfficer = "regulator",
) -> None:
    """Report what a carrier did; prints the id."""
    from portdip.porting.supervision.violations import Prohibition, report

    if code not in list(Prohibition):
        raise typer.BadParameter(f"{code!r} is none of {', '.join(Prohibition)}", param_hint="CODE")
    with _porting.opened(store) as layer, layer.database.transaction() as tx:
        made = report(tx, _porting.actor(as_), Prohibition(code), carrier, finding, evidence=evidence or ())
    print(f"{made.id}  {made.code}  {made.status}  {made.code.text.en}")


@violations.command("search")
def search_violations(
    store: StoreArgument,
    since: Annotated[
        datetime, typer.Option(parser=_moments.parse, metavar="TIME", help="Orders changed since.", show_default=False)
    ],
) -> None:
    """Look for violations in what is known of orders; prints what was not found before."""
    from portdip.porting.supervision.violations import search

    with _porting.opened(store) as layer, layer.database.transaction() as tx:
        found = search(tx, since)
    for one in found:
        print(f"{one.id}  {one.code}  {one.carrier}  {one.rule}  {one.finding}")


@violations.command("list")
def list_violations(store: StoreArgument, carrier: _Carrier, limit: _Limit = 50) -> None:
    """List the findings against a carrier, the newest first."""
    from portdip.porting.supervision.violations import newest

    with _porting.opened(store) as layer, layer.database.reading() as connection:
        found = newest(connection, limit, carrier=carrier)
    for one in found:
        print(f"{one.id}  {one.code}  {one.status}  {one.rule or 'reported'}  {one.finding}")


@violations.command("confirm")
def confirm_violation(store: StoreArgument, identifier: _Id, cause: Cause = "", as_: _AsOfficer = "regulator") -> None:
    """Confirm a suspicion."""
    _decide(store, identifier, "confirmed", cause, as_)


@violations.command("dismiss")
def dismiss_violation(store: StoreArgument, identifier: _Id, cause: Cause = "", as_: _AsOfficer = "regulator") -> None:
    """Dismiss a suspicion."""
    _decide(store, identifier, "dismissed", cause, as_)


@cases.command("open")
def open_case(
    store: StoreArgument,
    carrier: _Carrier,
    violation: Annotated[list[int], typer.Option(help="Ids of confirmed violations.", show_default=False)],
    cause: Cause = "",
    as_: _AsOfficer = "regulator",
) -> None:
    """Open a case against a carrier; prints its reference."""
    from portdip.porting.supervision.cases import open_new

    with _porting.opened(store) as layer, layer.database.transaction() as tx:
        made = open_new(tx, _porting.actor(as_), carrier, violation, cause)
    print(f"{made.reference}  {made.state}")


@cases.command("take")
def take_measure(
    store: StoreArgument,
    reference: _Reference,
    measure: Annotated[str, typer.Argument(help="Such as warn, suspend, rectify.", show_default=False)],
    amount: Annotated[int, typer.Option(min=0, help="A fine or compensation, in the smallest unit.")] = 0,
    currency: Annotated[str, typer.Option(help="Its currency.", show_default=False)] = "",
    beneficiary: Annotated[str, typer.Option(help="Whom a compensation goes to.", show_default=False)] = "",
    due: Annotated[
        datetime | None,
        typer.Option(parser=_moments.parse, metavar="TIME", help="By when to rectify.", show_default=False),
    ] = None,
    cause: Cause = "",
    as_: _AsOfficer = "regulator",
) -> None:
    """Take a measure in a case: warn, suspend, rectify, revoke, compensate or close."""
    from portdip.porting.supervision.cases import Measure, find, take

    if measure not in list(Measure):
        raise typer.BadParameter(f"{measure!r} is none of {', '.join(Measure)}", param_hint="MEASURE")
    with _porting.opened(store) as layer, layer.database.transaction() as tx:
        found = find(tx.connection, reference)
        after = take(
            tx,
            _porting.actor(as_),
            found,
            Measure(measure),
            cause,
            amount=amount,
            currency=currency,
            beneficiary=beneficiary,
            due=due,
        )
    print(f"{after.reference}  {after.state}{_until(after.due)}")


@cases.command("list")
def list_cases(store: StoreArgument, carrier: _Carrier, limit: _Limit = 50) -> None:
    """List the cases against a carrier, the newest first, with the measures taken."""
    from portdip.porting.supervision.cases import measures_of, newest

    with _porting.opened(store) as layer, layer.database.reading() as connection:
        for one in newest(connection, limit, carrier=carrier):
            print(f"{one.reference}  {one.state}{_until(one.due)}")
            for taken in measures_of(connection, one):
                money = f"  {taken.amount} {taken.currency}" if taken.amount else ""
                print(f"  {taken.at:%Y-%m-%dT%H:%M:%SZ}  {taken.measure}{money}  {taken.cause}")


def kpis(
    store: StoreArgument,
    directory: Annotated[Path, typer.Argument(help="Where the Parquet files go.", show_default=False)],
    begin: Annotated[datetime, typer.Option("--from", parser=_moments.parse, metavar="TIME", show_default=False)],
    end: Annotated[datetime, typer.Option("--to", parser=_moments.parse, metavar="TIME", show_default=False)],
) -> None:
    """Write figures per carrier as Parquet: ports, refusals, times of steps, codes, complaints, violations."""
    from portdip.porting.supervision.kpis import collect

    with _porting.opened(store) as layer, layer.database.reading() as connection:
        figures = collect(connection, begin, end)
    for path, table in zip(figures.write(directory), figures.tables().values(), strict=True):
        print(f"{path}: {len(table):,} rows")


def erase(store: StoreArgument) -> None:
    """Erase what is known of persons where the profile's time for it is over; the audit chain still verifies."""
    from portdip.porting.retention import Retention

    with _porting.opened(store) as layer:
        erased = Retention(layer.database, layer.orders.profiles).run()
    print(f"erased of {erased.orders:,} orders, {erased.queries:,} queries, {erased.evidence:,} pieces of evidence")


def _decide(store: Path, identifier: int, status: str, cause: str, as_: str) -> None:
    from portdip.porting.supervision.violations import Status, decide, find

    with _porting.opened(store) as layer, layer.database.transaction() as tx:
        after = decide(tx, _porting.actor(as_), find(tx.connection, identifier), Status(status), cause)
    print(f"{after.id}  {after.code}  {after.status}")


def _until(moment: datetime | None) -> str:
    return f" until {moment:%Y-%m-%dT%H:%M:%SZ}" if moment else ""
