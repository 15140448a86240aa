"""`portdip publish`: changes into the next deltas of a store's chain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from portdip.cli.import_ import OnBadRows

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from portdip.exchange.feeds.options import BadRows


def publish(
    store: Annotated[Path, typer.Argument(help="The store.", show_default=False)],
    changes: Annotated[
        list[Path], typer.Argument(metavar="CHANGES...", help="CSV, Parquet or Arrow files.", show_default=False)
    ],
    feed: Annotated[
        str | None,
        typer.Option(help="Read the files as this feed's changes, not as a file of changes.", show_default=False),
    ] = None,
    column_map: Annotated[
        Path | None,
        typer.Option("--map", help="For --feed: TOML file that says where the values are.", show_default=False),
    ] = None,
    on_bad_rows: Annotated[OnBadRows, typer.Option(help="Stop at a malformed row, or skip it.")] = OnBadRows.STOP,
    reject: Annotated[Path, typer.Option(help="Where skipped rows go, as CSV.")] = Path("rejected.csv"),
) -> None:
    """Publish changes: all of them, or on any error before the first delta none.

    A file of changes has the columns operation, number, carrier, routing_number and, where needed, first, last,
    donor, donor_routing_number, effective, order, version, text. Operations are port, release, assign, withdraw,
    mass-change, carrier, retire-carrier, route, retire-route.
    """
    from portdip.exchange.feeds.options import BadRows
    from portdip.table.store import Store

    bad_rows = BadRows(reject if on_bad_rows is OnBadRows.SKIP else None)
    with Store.open(store).writer() as writer, bad_rows:
        for batch in _read(changes, feed, column_map, bad_rows):
            writer.add(batch)
    if not writer.published:
        print("nothing to publish")
    else:
        first, last = writer.published[0], writer.published[-1]
        what = f"sequence {first}" if first == last else f"sequences {first} to {last}"
        counts = ", ".join(f"{count:,} {operation.label}" for operation, count in writer.counts.items())
        print(f"published {what}: {counts}")
    if bad_rows.count:
        print(f"{bad_rows.count:,} rows rejected, they are in {reject}")


def _read(
    changes: list[Path], feed: str | None, column_map: Path | None, bad_rows: BadRows
) -> Iterator[pa.RecordBatch]:
    from portdip.exchange import change_file, feeds
    from portdip.exchange.feeds.options import Options

    if feed is not None:
        yield from feeds.load_delta(feed).changes(changes, Options(column_map, bad_rows))
        return
    for file in changes:
        yield from change_file.read(file, bad_rows)
