"""`portdip history`: who served a number when."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from portdip.lookup.history import Holding


def history(
    store: Annotated[Path, typer.Argument(help="The store.", show_default=False)],
    number: Annotated[str, typer.Argument(help="The number.", show_default=False)],
    region: Annotated[str | None, typer.Option(help="Country of a national number, such as CN.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List every carrier that served a number: from when to when, by which delta, signed by which key."""
    import json

    from portdip import open_engine
    from portdip.number import parse_human

    wanted = parse_human(number, region)
    for holding in open_engine(store).history(wanted):
        print(json.dumps(_as_object(holding), ensure_ascii=False) if as_json else _line(holding))


def _as_object(holding: Holding) -> dict[str, object]:
    return {
        "status": holding.status,
        "carrier": holding.carrier and holding.carrier.id,
        "routing_number": holding.routing_number,
        "from": holding.since and holding.since.isoformat(),
        "to": holding.until and holding.until.isoformat(),
        "sequence": holding.sequence,
        "signer": holding.signer,
        "operation": holding.operation,
        "order": holding.order,
    }


def _line(holding: Holding) -> str:
    since = f"{holding.since:%Y-%m-%d %H:%M:%S}" if holding.since else "not known"
    until = f"{holding.until:%Y-%m-%d %H:%M:%S}" if holding.until else "now"
    who = f"{holding.carrier} {holding.routing_number}".strip() if holding.carrier else "nobody"
    how = f"sequence {holding.sequence}" if holding.sequence else "from the beginning"
    how += f", {holding.operation}" if holding.operation and holding.sequence else ""
    how += f", order {holding.order}" if holding.order else ""
    how += f", signed by {holding.signer}" if holding.signer else ""
    return f"{since:<19}  {until:<19}  {holding.status:<11}  {who}  ({how})"
