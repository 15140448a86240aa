"""The verb `dip`: ask a store for numbers, in the manner of `dig`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from portdip.cli import _moments

if TYPE_CHECKING:
    from portdip.route import Dip

#: The exit code is that of the worst answer.
EXIT_CODES = {"ported": 0, "native": 0, "unallocated": 1, "invalid": 2}

STYLES = {"ported": "green", "native": "green", "unallocated": "yellow", "invalid": "red"}


def dip(
    store: Annotated[Path, typer.Argument(help="The store to ask.", metavar="STORE")],
    numbers: Annotated[list[str], typer.Argument(help="Numbers; - for standard input.", metavar="NUMBER...")],
    short: Annotated[bool, typer.Option("--short", help="Carrier and routing number only.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    region: Annotated[str | None, typer.Option(help="Country of national numbers, such as CN.")] = None,
    at: Annotated[
        datetime | None,
        typer.Option(help="Who served them then, or will.", parser=_moments.parse, metavar="TIME", show_default=False),
    ] = None,
) -> None:
    """Say who serves numbers now, and the routing number that reaches that carrier.

    With --short there is one line for each number: carrier and, where there is one, routing number; - where
    no carrier serves it. The exit code is 0 if a carrier serves every number, 1 if one is unallocated, 2 if
    one is no number at all.
    """
    from portdip import open_engine
    from portdip.cli import _terminal

    engine = open_engine(store)
    engine.dip(1)  # the first dip of a process checks the tables of the index, which is not what a dip costs
    paint = _terminal.painter()
    worst = 0
    for text in _texts(numbers):
        number = understood(text, region)
        began = time.perf_counter_ns()
        answer = engine.dip(number, at)
        seconds = (time.perf_counter_ns() - began) / 1e9
        worst = max(worst, EXIT_CODES[answer.status])
        if as_json:
            print(json.dumps(as_object(answer, text), ensure_ascii=False), flush=True)
        elif short:
            print(_short(answer), flush=True)
        else:
            heading, *lines = _long(answer, text, store, seconds)
            print(paint(heading, STYLES[answer.status]), *lines, sep="\n", flush=True)
    raise typer.Exit(worst)


def understood(text: str, region: str | None) -> int | str:
    """The number a person means by `text`, or the text itself where it means none."""
    from portdip.errors import InvalidNumberError
    from portdip.number import parse_human

    try:
        return parse_human(text, region)
    except InvalidNumberError:
        return text


def as_object(dip: Dip, text: str) -> dict[str, object]:
    """The answer as JSON shows it; a number that is none is shown as the text that was given."""
    return {
        "number": text if dip.number is None else f"+{dip.number}",
        "status": dip.status,
        "carrier": dip.carrier and dip.carrier.id,
        "routing_number": dip.routing_number if dip.carrier else None,
        "ported": dip.ported,
        "range_holder": dip.range_holder and dip.range_holder.id,
        "sequence": dip.sequence,
        "as_of": dip.as_of.isoformat(),
    }


def _texts(numbers: list[str]) -> Iterator[str]:
    for number in numbers:
        if number == "-":
            yield from filter(None, map(str.strip, sys.stdin))
        else:
            yield number


def _short(dip: Dip) -> str:
    return f"{dip.carrier.id} {dip.routing_number}".rstrip() if dip.carrier else "-"


def _long(dip: Dip, text: str, store: Path, seconds: float) -> list[str]:
    number = text if dip.number is None else f"+{dip.number}"
    lines = [f";; {number}: {dip.status}", ""]
    if dip.carrier:
        lines += [";; ANSWER", f"{number}  carrier         {dip.carrier}"]
        if dip.routing_number:
            lines += [f"{number}  routing-number  {dip.routing_number}"]
        lines += ["", ";; RANGE", f"{number}  range-holder    {dip.range_holder or 'none'}", ""]
    lines += [
        f";; store: {store}, sequence {dip.sequence}, as of {dip.as_of:%Y-%m-%d %H:%M:%S} UTC",
        f";; query time: {seconds * 1e6:.1f} microseconds",
        "",
    ]
    return lines
