"""`portdip import`: numbers, ranges and carriers from a feed into a store."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class OnBadRows(StrEnum):
    """What becomes of an import with malformed rows."""

    STOP = "stop"
    SKIP = "skip"


def import_(
    store: Annotated[Path, typer.Argument(help="The store.", show_default=False)],
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help="What to read.", show_default=False)
    ] = None,
    feed: Annotated[
        str,
        typer.Option(help="How to read it: csv, parquet, arrow, or the feed of one source, as README lists them."),
    ] = "csv",
    column_map: Annotated[
        Path | None,
        typer.Option("--map", help="TOML file that says where the values are.", show_default=False),
    ] = None,
    on_bad_rows: Annotated[OnBadRows, typer.Option(help="Stop at a malformed row, or skip it.")] = OnBadRows.STOP,
    reject: Annotated[Path, typer.Option(help="Where skipped rows go, as CSV.")] = Path("rejected.csv"),
) -> None:
    """Import numbers and ranges as the store's next state, all of them or, on any error, none."""
    from portdip.cli import _terminal
    from portdip.exchange.feeds.options import BadRows, Options
    from portdip.lookup.load import import_feed

    bad_rows = BadRows(reject if on_bad_rows is OnBadRows.SKIP else None)
    with _terminal.progress("import", "rows") as progress:
        report = import_feed(store, feed, files or [], Options(column_map, bad_rows), progress)
    rate = report.read / max(report.seconds, 1e-9)
    console = _terminal.output()
    console.print(
        f"{report.read:,} rows read, {report.taken:,} taken, {report.replaced:,} replaced, "
        f"{report.rejected:,} rejected in {report.seconds:.1f} s ({rate:,.0f} rows/s); "
        f"sequence {report.sequence}",
        soft_wrap=True,
    )
    if report.rejected:
        console.print(f"rejected rows are in {reject}", soft_wrap=True)
