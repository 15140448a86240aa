"""The verb `explain`: the path of one dip, step by step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from portdip.cli.dip import EXIT_CODES, STYLES, as_object, understood

if TYPE_CHECKING:
    from portdip.lookup.explain import Explanation


def explain(
    store: Annotated[Path, typer.Argument(help="The store to ask.", metavar="STORE")],
    number: Annotated[str, typer.Argument(help="One number.", metavar="NUMBER")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    region: Annotated[str | None, typer.Option(help="Country of national numbers, such as CN.")] = None,
) -> None:
    """Show how the answer for a number comes about: digits, range, entry, record, and the time of each step.

    Exit codes are those of dip.
    """
    from portdip import open_engine
    from portdip.cli import _terminal
    from portdip.lookup.explain import explain as explain_dip

    explanation = explain_dip(open_engine(store), str(understood(number, region)))
    status = explanation.dip.status
    if as_json:
        print(json.dumps(_object(explanation, number), ensure_ascii=False))
    else:
        heading = _terminal.painter()(f";; {number}: {status}", STYLES[status])
        print(heading, *_lines(explanation, number), sep="\n")
    raise typer.Exit(EXIT_CODES[status])


def _country(number: int) -> tuple[int, str] | None:
    """Country code and region of a number, as libphonenumber has them; None for a code that is none."""
    import phonenumbers

    try:
        parsed = phonenumbers.parse(f"+{number}")
    except phonenumbers.NumberParseException:
        return None
    code = parsed.country_code or 0
    return code, phonenumbers.region_code_for_number(parsed) or phonenumbers.region_code_for_country_code(code)


def _lines(explanation: Explanation, text: str) -> list[str]:
    dip, route, around, record = explanation.dip, explanation.route, explanation.range, explanation.record
    lines = [f"text           {text!r}"]
    if dip.number is None:
        lines += ["digits         none: a number is 1 to 15 digits, the first 1 to 9, with or without a leading +"]
    else:
        country = _country(dip.number)
        lines += [
            f"digits         {dip.number} ({len(str(dip.number))} digits)",
            f"country code   {country[0]} ({country[1]})" if country else "country code   none",
        ]
        if around:
            holder = around.route.carrier if around.route else "nobody: withdrawn from the range around it"
            lines += [f"range          {around.first} to {around.last}, held by {holder}"]
            lines += [f"prefix         {around.prefix}"]
        else:
            lines += ["range          none"]
        lines += [f"own entry      {'yes' if dip.ported else 'no'}", "answered by    base index"]
    if route:
        lines += [
            f"route          code {route.code}: {route.carrier}, "
            + (f"routing number {route.routing_number}" if route.routing_number else "no routing number")
        ]
    if record:
        effective = f"{record.effective:%Y-%m-%d %H:%M:%S} UTC" if record.effective else "unknown"
        lines += [
            f"donor          {record.donor or 'unknown'}",
            f"effective      {effective}",
            f"version        {record.version}",
        ]
    lines += [f"sequence       {dip.sequence}, as of {dip.as_of:%Y-%m-%d %H:%M:%S} UTC", "", ";; nanoseconds per step"]
    return lines + [f"{name:<22}{nanoseconds:>8,.0f}" for name, nanoseconds in explanation.steps.items()]


def _object(explanation: Explanation, text: str) -> dict[str, object]:
    dip, route, around, record = explanation.dip, explanation.route, explanation.range, explanation.record
    country = _country(dip.number) if dip.number else None
    return as_object(dip, text) | {
        "digits": dip.number and str(dip.number),
        "country_code": country and country[0],
        "region": country and country[1],
        "range": around
        and {
            "first": around.first,
            "last": around.last,
            "prefix": around.prefix,
            "carrier": around.route and around.route.carrier.id,
        },
        "own_entry": dip.ported,
        "answered_by": "base" if dip.number else None,
        "route_code": route and route.code,
        "record": record
        and {
            "donor": record.donor and record.donor.id,
            "effective": record.effective and record.effective.isoformat(),
            "version": record.version,
        },
        "nanoseconds": {name: round(value) for name, value in explanation.steps.items()},
    }
