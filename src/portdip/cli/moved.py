"""`portdip moved`: who changed carrier between two states of a store."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from portdip.cli import _moments

if TYPE_CHECKING:
    import pyarrow as pa

    from portdip.lookup.moved import Wanted


def _point(text: str) -> int | datetime:
    """A sequence, or a moment."""
    return int(text) if text.isascii() and text.isdigit() else _moments.parse(text)


def moved(
    store: Annotated[Path, typer.Argument(help="The store.", metavar="STORE", show_default=False)],
    since: Annotated[Any, typer.Option("--from", help="The earlier of both.", parser=_point, metavar="SEQUENCE|TIME")],
    until: Annotated[
        Any,
        typer.Option("--to", help="The later; now, if not given.", parser=_point, metavar="SEQUENCE|TIME"),
    ] = None,
    carrier: Annotated[str | None, typer.Option(help="Only moves to or away from the carrier with this id.")] = None,
    into: Annotated[bool, typer.Option("--in", help="Of these, only those to it.")] = False,
    out_of: Annotated[bool, typer.Option("--out", help="Of these, only those away from it.")] = False,
    target: Annotated[
        Path | None, typer.Option("--write", help="Write to a file: .parquet, .arrow, .arrows, .csv or .csv.gz.")
    ] = None,
) -> None:
    """List what another carrier serves than before: ranges that have another holder, then numbers, in order, as CSV.

    Sequences compare what the table answered when the deltas of these sequences were made; a snapshot that leads there
    must still be kept (portdip snapshot list). Times compare who served each number then, as the history knows it
    today. A row is an interval, first to last; of a number both are the same.
    """
    from portdip.cli import _tables
    from portdip.lookup.moved import Wanted

    if (into or out_of) and carrier is None:
        raise typer.BadParameter("--in and --out want a --carrier")
    if until is not None and isinstance(since, int) != isinstance(until, int):
        raise typer.BadParameter("--from and --to are two sequences or two times")
    if until is not None and until < since:
        raise typer.BadParameter("--to comes before --from")
    wanted = Wanted(carrier, into or not out_of, out_of or not into)
    compare = _by_sequence if isinstance(since, int) else _by_time
    _tables.show(compare(store, since, until, wanted), target)


def _by_sequence(store: Path, since: int, until: int | None, wanted: Wanted) -> pa.RecordBatchReader:
    from portdip import open_engine
    from portdip.lookup.moved import moved as compared
    from portdip.lookup.moved import state_at
    from portdip.table.store import Store

    opened = Store.open(store)
    after = open_engine(store).generation if until is None else state_at(opened, until)
    return compared(state_at(opened, since), after, wanted)


def _by_time(store: Path, since: datetime, until: datetime | None, wanted: Wanted) -> pa.RecordBatchReader:
    from portdip import open_engine
    from portdip.lookup.moved import moved_between
    from portdip.table.outstanding import microseconds
    from portdip.table.store import Store

    begin, end = microseconds(since), microseconds(until or datetime.now(UTC))
    return moved_between(Store.open(store), open_engine(store).timeline(begin), begin, end, wanted)
