"""`portdip capacity`: how many nodes a network needs, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from portdip.capacity.evidence import Evidence
    from portdip.capacity.plan import Plan

#: Widths of what a plan is shown in: with `reference` behind it 80 columns.
_LABEL, _VALUE = 52, 13
_STYLES = {"given": "cyan", "assumed": "magenta", "measured": "green", "reference": "yellow", "modelled": ""}


def _option(text: str) -> Any:
    return typer.Option(help=text, metavar="N", show_default=False)


def capacity(
    profile: Annotated[
        Path | None, typer.Option(help="A traffic profile (TOML); options go before it.", show_default=False)
    ] = None,
    subscribers: Annotated[str | None, _option("Lines in use, of the network whose calls are dipped.")] = None,
    bhca: Annotated[str | None, _option("Call attempts of a subscriber in the busy hour: 0.9.")] = None,
    dipped_share: Annotated[str | None, _option("Share of the calls that are dipped: 1.")] = None,
    sms_share: Annotated[str | None, _option("Messages dipped for each call dipped: 1.")] = None,
    growth: Annotated[str | None, _option("Growth a year: 0..0.05.")] = None,
    ported_numbers: Annotated[str | None, _option("Numbers ported now: 5 % of the subscribers.")] = None,
    ports_per_day: Annotated[str | None, _option("Changes a day: 0.002 % to 0.03 % of the subscribers.")] = None,
    sites: Annotated[int | None, _option("Places with nodes, of which one may be lost: 2.")] = None,
    cores: Annotated[int | None, _option("Cores of a node: 8.")] = None,
    protocol: Annotated[
        str | None, typer.Option(help="enum, pdb, http, or engine (in the switch's own process).", show_default=False)
    ] = None,
    years: Annotated[int | None, _option("For how many years the nodes are to do: 5.")] = None,
    bench: Annotated[
        Path | None, typer.Option(help="What `portdip bench --out` kept, of such a machine.", show_default=False)
    ] = None,
    measure: Annotated[bool, typer.Option("--measure", help="Measure this machine first, under 40 seconds.")] = False,
    html: Annotated[
        Path | None, typer.Option(help="Write a report with plots there, one file.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Work out nodes, cores, memory and bandwidth for a network, each with its formula and bounds.

    Numbers may be pairs LOW..HIGH. The figures of a core come from --bench, from --measure, or, marked as such, from a
    reference machine; a profile has more inputs (portdip.capacity.traffic).
    """
    import orjson

    from portdip.capacity import traffic
    from portdip.capacity.plan import plan

    # First what costs nothing, so that nobody measures for a plan that cannot be had.
    given: dict[str, dict[str, Any]] = {
        "traffic": {
            "subscribers": _number(subscribers),
            "busy_hour_attempts": _number(bhca),
            "dipped_share": _number(dipped_share),
            "sms_share": _number(sms_share),
            "growth": _number(growth),
        },
        "porting": {"ported_numbers": _number(ported_numbers), "ports_per_day": _number(ports_per_day)},
        "nodes": {"sites": sites, "cores": cores, "protocol": protocol},
    }
    inputs = traffic.profile(profile, given, years)
    made = plan(inputs, _evidence(bench, measure))
    if html is not None:
        from portdip import files
        from portdip.capacity import report

        files.write(html, report.page(made).encode())
    if as_json:
        print(orjson.dumps(made.as_json()).decode())
    else:
        _show(made)


def _number(text: str | None) -> object:
    """A number, or a pair from LOW..HIGH; what is neither is left for the check of inputs to refuse."""
    if text is None:
        return None
    try:
        numbers = [float(part) for part in text.split("..")]
    except ValueError:
        return text
    return numbers[0] if len(numbers) == 1 else tuple(numbers)


def _evidence(bench: Path | None, measure: bool) -> Evidence:
    from portdip.capacity.evidence import Evidence, evidence
    from portdip.capacity.suite import running
    from portdip.cli._measuring import measured
    from portdip.errors import CapacityError

    if bench is not None and measure:
        raise CapacityError("both a bench result and --measure", fix="Give one of them.")
    if not measure:
        return evidence(bench)
    return Evidence(measured(running.QUICK, 1, Path(".")), is_reference=False)


def _show(made: Plan) -> None:
    from rich.text import Text

    from portdip.capacity.lines import text
    from portdip.cli import _terminal

    console = _terminal.output()
    section = ""
    for line in made.lines.values():
        if line.section != section:
            section = line.section
            console.print(f"\n[bold]{section}[/bold]")
        value, bounds = text(line)
        shown = Text.assemble(f"  {line.label:<{_LABEL}} {value:>{_VALUE}}  ", (line.kind, _STYLES[line.kind]))
        more = [bounds] if bounds else []
        if line.numbers:
            more.insert(0, f"= {line.numbers}")
        if more:
            shown.append(f"\n      {'; '.join(more)}", style="dim")
        console.print(shown, soft_wrap=True)
    console.print()
    for what, value, remark in made.headline():
        console.print(f"{what:<21}[bold]{value:<10}[/bold] {remark}", soft_wrap=True)
    console.print()
    for remark in made.remarks():
        console.print(remark, style="yellow", soft_wrap=True)
