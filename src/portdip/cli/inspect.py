"""`portdip inspect`: what a store holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from portdip.table.snapshot import Snapshot

_CARRIERS_SHOWN = 10


def inspect(
    store: Annotated[Path, typer.Argument(help="The store.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, all carriers in it.")] = False,
) -> None:
    """Show what the snapshot of a store holds: its state, counts, sizes, and numbers by carrier and by length."""
    import json

    from portdip.cli import _terminal
    from portdip.table.store import Store

    opened = Store.open(store)
    facts = _facts(opened.current(), opened.chain.head.sequence)
    if as_json:
        print(json.dumps(facts, ensure_ascii=False))
        return
    console = _terminal.output()
    for line in _lines(facts):
        console.print(line, soft_wrap=True, markup=False)


def _facts(snapshot: Snapshot, head: int) -> dict[str, Any]:
    from portdip.table.summary import summarize

    manifest = snapshot.manifest
    summary = summarize(snapshot)
    numbers = manifest.counts["numbers"]
    image = summary.bytes_by_file[snapshot.image.name]
    return {
        "dataset": manifest.dataset,
        "sequence": manifest.sequence,
        "as_of": manifest.as_of.isoformat(),
        "deltas_since": head - manifest.sequence,
        "digest": manifest.digest,
        "counts": manifest.counts,
        "bytes": summary.bytes_by_file,
        "index_bytes_per_number": image / numbers if numbers else None,
        "bytes_per_number": sum(summary.bytes_by_file.values()) / numbers if numbers else None,
        "ported_by_carrier": summary.ported_by_carrier,
        "ranges_by_carrier": summary.ranges_by_carrier,
        "numbers_by_length": summary.numbers_by_length,
        "carrier_names": {carrier.id: carrier.name for carrier in snapshot.carriers.values()},
    }


def _lines(facts: dict[str, Any]) -> Iterator[str]:
    yield f"dataset   {facts['dataset']}"
    yield f"sequence  {facts['sequence']}, as of {facts['as_of']}, and {facts['deltas_since']:,} deltas since"
    yield f"digest    {facts['digest']}"
    yield "counts    " + ", ".join(f"{count:,} {name}" for name, count in facts["counts"].items())
    yield from _section("bytes", facts["bytes"])
    if facts["counts"]["numbers"]:
        each = facts["index_bytes_per_number"], facts["bytes_per_number"]
        yield f"  {each[0]:.2f} a number in the index, {each[1]:.2f} in all"
    names = facts["carrier_names"]
    for title, key in (
        ("ported numbers by carrier", "ported_by_carrier"),
        ("ranges by carrier", "ranges_by_carrier"),
    ):
        named = {f"{carrier} {names.get(carrier, 'withdrawn')}": count for carrier, count in facts[key].items()}
        yield from _section(title, named)
    yield from _section("ported numbers by length", {f"{d} digits": n for d, n in facts["numbers_by_length"].items()})


def _section(title: str, counts: dict[str, int]) -> Iterator[str]:
    if counts:
        yield title
    shown = list(counts.items())[:_CARRIERS_SHOWN]
    for name, count in shown:
        yield f"  {count:>15,}  {name.strip()}"
    if others := len(counts) - len(shown):
        yield f"  {sum(counts.values()) - sum(count for _, count in shown):>15,}  {others} others"
