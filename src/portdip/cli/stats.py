"""`portdip stats`: who won numbers from whom, and how much of its ranges each holder still serves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pyarrow as pa

_CARRIERS_SHOWN = 8
_DAY = ["%Y-%m-%d"]


def stats(
    store: Annotated[Path, typer.Argument(help="The store.", metavar="STORE", show_default=False)],
    since: Annotated[
        datetime | None, typer.Option("--from", help="The first day.", formats=_DAY, metavar="DAY", show_default=False)
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--to", help="The last day.", formats=_DAY, metavar="DAY", show_default=False)
    ] = None,
    time_zone: Annotated[str, typer.Option(help="Where the days begin, such as Asia/Shanghai.")] = "UTC",
    ranges: Annotated[
        bool, typer.Option("--ranges", help="How much of each range its holder serves, instead.")
    ] = False,
    carrier: Annotated[str | None, typer.Option(help="With --ranges: those of the carrier with this id.")] = None,
    out: Annotated[
        list[Path] | None,
        typer.Option(help="Write to a file: .parquet, .arrow, .csv, .csv.gz, or a picture: .png, .svg, .pdf."),
    ] = None,
) -> None:
    """Show the porting matrix: how many numbers went from each carrier (rows) to each other one (columns).

    --out writes it day by day: donor, recipient, numbers ported and numbers returned to the range holder; or draws it;
    several may be given. Numbers count on the day on which the new carrier began to serve them.
    """
    from portdip import open_engine
    from portdip.batch.stats import porting_matrix
    from portdip.table.store import Store

    if ranges:
        _show_ranges(store, carrier, out)
        return
    if carrier is not None:
        raise typer.BadParameter("--carrier goes with --ranges")
    generation = open_engine(store).generation
    first, last = (day and day.date() for day in (since, until))
    matrix = porting_matrix(Store.open(store), generation, since=first, until=last, time_zone=time_zone)
    if out:
        _write(matrix, out)
    else:
        for line in _lines(matrix):
            print(line)


def _show_ranges(store: Path, carrier: str | None, out: list[Path] | None) -> None:
    from portdip import open_engine
    from portdip.cli import _tables
    from portdip.lookup import reverse

    generation = open_engine(store).generation
    held = reverse.utilization(generation, reverse.chosen(generation, carrier=carrier))
    if not out:
        _tables.show(held.to_reader(), None)
    for target in out or []:
        _tables.show(held.to_reader(), target)


def _write(matrix: pa.Table, out: list[Path]) -> None:
    from portdip.batch.matrix_picture import SUFFIXES, draw
    from portdip.batch.tables import write

    for target in out:
        if target.suffix in SUFFIXES:
            draw(matrix, target)
            print(target)
        else:
            print(f"{target}: {write(matrix.to_reader(), target):,} rows")


def _lines(matrix: pa.Table) -> Iterator[str]:
    """The matrix over all days; in front of each row the donor, above each column the recipient."""
    from portdip.batch.matrix_picture import totals_of

    days = matrix.column("day").to_pylist()
    if not days:
        yield "no number moved"
        return
    ported, returned = (sum(matrix.column(name).to_pylist()) for name in ("ported", "returned"))
    yield f"{days[0]} to {days[-1]}: {ported:,} numbers ported, {returned:,} returned to their range holder"
    totals, names = totals_of(matrix, _CARRIERS_SHOWN)
    texts = [["", *names, "lost"]]
    texts += [
        [name, *(f"{count:,}" if count else "." for count in row), f"{row.sum():,}"]
        for name, row in zip(names, totals, strict=True)
    ]
    texts.append(["won", *(f"{count:,}" for count in totals.sum(axis=0)), ""])
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for row in texts:
        first, *others = (
            text.ljust(width) if place == 0 else text.rjust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join([first, *others]).rstrip()
