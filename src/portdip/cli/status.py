"""`portdip status`: where a store stands and how stale it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from portdip.lookup.status import StoreStatus


def status(
    store: Annotated[Path, typer.Argument(help="The store.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show where a store stands: sequence, digest, newest change, lag, what is missing, what was refused."""
    import json
    from dataclasses import asdict

    from portdip.lookup.status import status as look
    from portdip.table.store import Store

    found = look(Store.open(store))
    if as_json:
        print(json.dumps(asdict(found), default=lambda moment: moment.isoformat(), ensure_ascii=False))
        return
    for line in _lines(found):
        print(line)


def _lines(found: StoreStatus) -> Iterator[str]:
    behind = found.head - found.sequence
    yield f"dataset        {found.dataset}"
    yield f"sequence       {found.sequence}" + (f", {behind} behind the chain" if behind else "")
    if found.held is not None:
        yield f"held at        {found.held}: end it with portdip snapshot resume"
    yield f"digest         {found.digest}"
    yield f"newest change  {found.newest_change.isoformat() if found.newest_change else 'none'}"
    yield f"lag            {found.lag:.1f} s"
    yield f"signed         {'by ' + (', '.join(found.keys) or 'no key in force') if found.signed else 'no: unsigned'}"
    yield f"snapshot       {found.snapshot}, {found.changed:,} numbers changed since, {found.to_come:,} changes to come"
    if found.source:
        yield f"follows        {found.source}" + (f": {found.problem}" if found.problem else "")
    missing = ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in found.missing)
    yield f"missing        {missing or 'none'}"
    yield f"quarantined    {len(found.quarantined) or 'none'}"
    for refusal in found.quarantined:
        yield f"  {refusal.name}: {refusal.reason}"
