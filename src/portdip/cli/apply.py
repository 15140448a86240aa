"""`portdip apply`: deltas into a store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections import Counter

    from portdip.errors import SnapshotAwaitedError
    from portdip.exchange.intake import Intake, Outcome
    from portdip.lookup.preview import Preview
    from portdip.table.store import Store

#: It waits for a delta that is missing; it was refused.
WAITS, REFUSED = 3, 4


def apply(
    store: Annotated[Path, typer.Argument(help="The store.", show_default=False)],
    deltas: Annotated[list[Path], typer.Argument(metavar="DELTA...", help="Delta files.", show_default=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what the deltas would change.")] = False,
) -> None:
    """Take deltas into a store: each is there when this returns, whole, or it is not.

    The exit code is 0 when every delta is in the table, also where it was already; 3 when one must wait for a
    missing one, or for the snapshot of an import; 4 when one was refused. A delta that waits for another is kept, and
    goes in when the gap has closed.
    """
    from portdip.table.store import Store

    opened = Store.open(store)
    if dry_run:
        _show(opened, deltas)
        return
    intake = opened.intake()
    outcomes = {path: _offer(intake, path) for path in deltas}
    codes = [_report(intake, path, outcome) for path, outcome in outcomes.items()]
    raise typer.Exit(max(codes))


def _offer(intake: Intake, path: Path) -> Outcome | SnapshotAwaitedError:
    from portdip import files
    from portdip.errors import SnapshotAwaitedError
    from portdip.exchange.intake import Kind

    content = files.read_bytes(path)
    try:
        outcome = intake.offer(content, str(path))
    except SnapshotAwaitedError as error:
        return error
    if outcome.kind is Kind.TORN and outcome.error is not None:  # nobody is writing it any more
        return intake.refuse(content, str(path), outcome.error)
    return outcome


def _report(intake: Intake, path: Path, outcome: Outcome | SnapshotAwaitedError) -> int:
    from portdip.errors import SnapshotAwaitedError
    from portdip.exchange.intake import Kind

    if isinstance(outcome, SnapshotAwaitedError):
        print(f"{path}: {outcome.what}: follow brings it, see portdip follow --once")
        return WAITS
    if outcome.kind is Kind.REFUSED:
        print(f"{path}: refused: {outcome.reason}")
        return REFUSED
    if outcome.kind is Kind.WAITING and outcome.sequence is not None and outcome.sequence > intake.sequence:
        missing = ", ".join(str(a) if a == b else f"{a} to {b}" for a, b in intake.missing)
        print(f"{path}: sequence {outcome.sequence} waits for {missing}")
        return WAITS
    there = "was there already" if outcome.kind is Kind.DUPLICATE else "applied"
    print(f"{path}: sequence {outcome.sequence} {there}")
    return 0


def _show(store: Store, paths: list[Path]) -> None:
    from portdip import files
    from portdip.exchange import delta
    from portdip.exchange.chain import Head
    from portdip.lookup.preview import preview

    deltas = sorted((delta.decode(files.read_bytes(path), str(path)) for path in paths), key=lambda one: one.sequence)
    head, trust = store.chain.head, store.trust.read()
    for one in deltas:
        where = f"sequence {one.sequence}"
        trust.check(one, where)
        head.check(one, where)
        head, trust = Head.of(one), trust.after(one)
    _print(preview(store, deltas))


def _print(found: Preview) -> None:
    def counted(title: str, counts: Counter[str]) -> None:
        if counts:
            print(f"{title:<10}{sum(counts.values()):>12,}")
            for carrier, count in counts.most_common():
                print(f"  {carrier:<8}{count:>12,}")

    counted("added", found.added)
    counted("moved", found.moved)
    counted("released", found.released)
    counted("rerouted", found.rerouted)
    for interval in found.intervals:
        size = interval.last - interval.first + 1
        print(
            f"{interval.operation} {interval.first}-{interval.last} ({size:,}): {interval.before} to {interval.after}"
        )
    if found.later:
        print(f"{found.later:,} of the changes take effect later")
