"""`portdip numbers`: the numbers of a carrier or routing number."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def numbers(
    store: Annotated[Path, typer.Argument(help="The store.", metavar="STORE", show_default=False)],
    carrier: Annotated[str | None, typer.Option(help="Those of the carrier with this id.")] = None,
    routing_number: Annotated[str | None, typer.Option(help="Those that this routing number reaches.")] = None,
    ported_only: Annotated[bool, typer.Option("--ported-only", help="Leave out the ranges.")] = False,
    count: Annotated[bool, typer.Option("--count", help="Only count them.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The counts as one JSON object.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write to a file instead: .parquet, .arrow, .arrows, .csv or .csv.gz.")
    ] = None,
) -> None:
    """List what a carrier serves now: the ranges it holds, then the numbers ported to it, in order, as CSV.

    A row is an interval, first to last; of a ported number both are the same. The column `numbers` says how many
    numbers of the interval the carrier serves: of a range those not ported away. Without a carrier or a routing number
    it is the whole table. Any size of table needs the same memory.
    """
    import json
    from dataclasses import asdict

    from portdip import open_engine
    from portdip.cli import _tables
    from portdip.lookup import reverse

    generation = open_engine(store).generation
    mask = reverse.chosen(generation, carrier=carrier, routing_number=routing_number)
    if not count and not as_json:
        _tables.show(reverse.served(generation, mask, ported_only=ported_only), out)
        return
    found = reverse.count(generation, mask)
    if as_json:
        print(json.dumps(asdict(found) | {"numbers": found.numbers, "sequence": generation.sequence}))
        return
    print(f"{found.numbers:>17,}  numbers")
    print(f"{found.ported:>17,}  ported")
    print(f"{found.native:>17,}  native, in {found.ranges:,} ranges")
