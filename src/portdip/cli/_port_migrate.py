"""`portdip port migrate`: many numbers moved by a plan, from its dry run to its end or back to before it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from portdip.cli import _porting
from portdip.cli._porting import As, Cause, StoreArgument

if TYPE_CHECKING:
    from portdip.porting.layer import Layer
    from portdip.porting.migration.dry_run import PhaseReport, Report, Sink
    from portdip.porting.migration.migrating import Migrating
    from portdip.porting.migration.standing import Route

migrate = typer.Typer(help="Data migration: many numbers moved by a plan.", no_args_is_help=True)

_Plan = Annotated[
    Path, typer.Argument(help="TOML; see portdip.porting.migration.plan.", metavar="PLAN", show_default=False)
]
_Name = Annotated[str, typer.Argument(help="The name in the plan.", metavar="NAME", show_default=False)]

#: How often a run that waits for a slot looks at the clock, in seconds.
_LOOK_SECONDS = 1.0
_ROUTES_SHOWN = 20
_DIFFERENCES_SHOWN = 20


@contextlib.contextmanager
def _opened(store: Path) -> Iterator[tuple[Layer, Migrating]]:
    """The layer of a store, and what migrates its numbers."""
    from portdip.cli._served import Served
    from portdip.porting.migration.migrating import Migrating
    from portdip.table.store import Store

    with _porting.opened(store) as layer:
        found = Store.open(store)
        yield layer, Migrating.over(layer.database, layer.open_writer, lambda: Served(found, layer.database.now()))


@migrate.command("plan")
def show_plan(
    store: StoreArgument,
    plan: _Plan,
    details: Annotated[
        Path | None, typer.Option(help="A Parquet file to be made of every single alteration.", show_default=False)
    ] = None,
) -> None:
    """Check a plan and show what it would change, without changing anything; exit code 1 where it must not be done."""
    from portdip.porting.migration import plan as plans

    found = plans.load(plan)
    with _opened(store) as (_, migrating), contextlib.ExitStack() as stack:
        report = migrating.runner.dry_run(found, *([stack.enter_context(_details(details))] if details else []))
    _print_report(report)
    if report.faults:
        raise typer.Exit(1)


@migrate.command()
def begin(
    store: StoreArgument,
    plan: _Plan,
    expect: Annotated[
        str | None, typer.Option(help="The digest of the dry run that was agreed on.", show_default=False)
    ] = None,
    as_: As = "centre",
) -> None:
    """Take a plan on, to be run; nothing moves yet. Refused where its dry run has faults or another digest."""
    from portdip.porting.migration import plan as plans

    with _opened(store) as (_, migrating):
        made = migrating.runner.begin(plans.load(plan), _porting.actor(as_), expected=expect)
    print(f"migration {made.name} begun; go on with: portdip port migrate run {store} {made.name}")


@migrate.command()
def run(
    store: StoreArgument,
    name: _Name,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for slots and open orders, until it is done.")] = False,
    as_: As = "centre",
) -> None:
    """Do what may be done of a migration now; a run that was stopped or killed is gone on with."""
    from portdip.cli import _stopping

    with _opened(store) as (layer, migrating), _stopping.stopping() as stop:
        actor, told = _porting.actor(as_), ""
        while True:
            progress = migrating.runner.run(name, actor, lambda: stop(0.0))
            words = f"migration {name}: {progress.migration.state}, {progress.altered:,} altered"
            if progress.waits_until:
                words += f", waits until {progress.waits_until.isoformat()}"
            if progress.held_back:
                words += f", {progress.held_back:,} numbers wait for open orders"
            if progress.altered or words != told:
                print(words, flush=True)
            told = words
            waits = progress.waits_until is not None or progress.held_back > 0
            if not (wait and waits) or _stopped_until(stop, progress.waits_until, layer):
                return


@migrate.command()
def check(store: StoreArgument, name: _Name, as_: As = "centre") -> None:
    """Hold what is served against what a migration meant; exit code 1 where something differs that nobody meant."""
    from portdip.porting.migration.check import check as hold

    with _opened(store) as (layer, migrating):
        findings = hold(layer.database, name, _porting.actor(as_), migrating.runner.look())
    explained = len(findings.differences) - len(findings.unexplained)
    unexplained = findings.unexplained
    print(f"{findings.compared:,} compared, {explained:,} changed since, {len(unexplained):,} differ")
    for one in unexplained[:_DIFFERENCES_SHOWN]:
        interval = f"{one.first} to {one.last}" if one.last else str(one.first)
        print(f"  {interval}: {_route(one.found)} instead of {_route(one.expected)}")
    if unexplained:
        raise typer.Exit(1)


@migrate.command()
def undo(store: StoreArgument, name: _Name, cause: Cause = "", as_: As = "centre") -> None:
    """Go back to before a migration; what has changed since stays. Undoing that was stopped is gone on with."""
    from portdip.cli import _stopping

    with _opened(store) as (_, migrating), _stopping.stopping() as stop:
        undone = migrating.undoing.undo(name, _porting.actor(as_), cause, lambda: stop(0.0))
    words = f"{undone.restored:,} restored, {undone.left_alone:,} left alone"
    print(f"migration {name}: {undone.migration.state}, {words}")


@migrate.command("list")
def list_(store: StoreArgument) -> None:
    """List the migrations, oldest first: name, state, next step, reason."""
    from portdip.porting.migration.ledger import all_migrations

    with _porting.opened(store) as layer, layer.database.reading() as connection:
        found = all_migrations(connection)
    for one in found:
        at = f"step {min(one.step + 1, len(one.plan.step))} of {len(one.plan.step)}"
        print(f"{one.name}  {one.state}  {at}  {one.plan.reason}")


@contextlib.contextmanager
def _details(path: Path) -> Iterator[Sink]:
    """A sink for the alterations of a dry run, which makes the file `path` of them."""
    import pyarrow.parquet as pq

    from portdip import files
    from portdip.porting.migration.dry_run import DETAILS

    with files.replacing(path) as file, pq.ParquetWriter(file, DETAILS) as writer:
        yield writer.write_batch


def _print_report(report: Report) -> None:
    for phase in report.phases:
        _print_phase(phase)
    for fault in report.faults:
        print(f"must not be done: {fault}")
    print(f"sequence {report.sequence}, digest {report.digest}")


def _print_phase(phase: PhaseReport) -> None:
    at = f", not before {phase.at.isoformat()}" if phase.at else ""
    work = f"{phase.changes:,} changes in {phase.pieces:,} pieces"
    slots = f" and {phase.slots:,} slots" if phase.slots > 1 else ""
    held = f", {phase.held_back:,} wait for open orders" if phase.held_back else ""
    print(f"step {phase.step + 1}, {phase.kind}, {phase.label}{at}: {work}{slots}{held}")
    for what, counter in (("numbers", phase.numbers), ("numbers of ranges", phase.in_ranges)):
        for (before, after), count in counter.most_common(_ROUTES_SHOWN):
            print(f"  {count:,} {what}: {_route(before)} -> {_route(after)}")
        if len(counter) > _ROUTES_SHOWN:
            print(f"  {what} of {len(counter) - _ROUTES_SHOWN:,} more pairs of routes")


def _route(route: Route | None) -> str:
    return f"{route.carrier} {route.routing_number}".rstrip() if route else "nobody"


def _stopped_until(stop: Callable[[float], bool], moment: datetime | None, layer: Layer) -> bool:
    """Wait until `moment` by the database's clock, or a little; whether a signal came."""
    while not stop(_LOOK_SECONDS):
        if moment is None or layer.database.now() >= moment:
            return False
    return True
