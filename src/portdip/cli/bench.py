"""`portdip bench`: what this machine can carry, and whether that has changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from portdip.capacity.comparing import Comparison
    from portdip.capacity.result import Figure, Result
    from portdip.capacity.suite.running import Extent

_STYLES = {"better": "green", "worse": "red", "same": "", "unclear": "yellow"}


def bench(
    sizes: Annotated[
        str | None, typer.Option(help="Numbers in the tables that are measured: 1e6,1e7", metavar="N,N,...")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same numbers and questions.")] = 1,
    quick: Annotated[bool, typer.Option("--quick", help="One million numbers, few rounds: under 40 seconds.")] = False,
    out: Annotated[Path | None, typer.Option(help="Keep the result there, as JSON.", show_default=False)] = None,
    against: Annotated[
        Path | None,
        typer.Option(help="Say what is better, the same or worse than in that result.", show_default=False),
    ] = None,
    directory: Annotated[
        Path, typer.Option(help="Where the stores are made, and removed: on the disk that is to hold the real one.")
    ] = Path("."),
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON, as --out keeps it.")] = False,
) -> None:
    """Measure what this machine can carry: dips in a process and over each protocol, deltas, snapshots, memory.

    Everything is on loopback and synthetic. Every figure is sampled in rounds, in turn with all others. How long it
    takes is said before. `portdip capacity --bench` works out a network from the result.
    """
    from portdip import files
    from portdip.capacity import comparing, result
    from portdip.cli import _terminal
    from portdip.cli._measuring import check_writable, measured
    from portdip.errors import BenchResultError

    old = result.load(against) if against is not None else None
    if out is not None:
        check_writable(out, "--out")
    found = measured(_extent(sizes, quick), seed, directory)
    try:
        if out is not None:
            files.write(out, found.as_json())
        comparison = comparing.compare(found, old) if old is not None else None
    except (OSError, BenchResultError):
        print(found.as_json().decode(), end="")  # it took too long to measure to be lost
        raise
    if as_json:
        print(found.as_json().decode(), end="")
    elif comparison is None:
        _show(found)
    if comparison is not None:
        _show_comparison(comparison, _terminal.errors() if as_json else _terminal.output())


def _extent(sizes: str | None, quick: bool) -> Extent:
    """How much to measure. Raises CapacityError for sizes that are no numbers, or that cannot be meant."""
    import dataclasses
    import math

    from portdip.capacity.suite import running
    from portdip.errors import CapacityError

    extent = running.QUICK if quick else running.USUAL
    if sizes is None:
        return extent
    try:
        given = tuple(sorted({int(float(text)) for text in sizes.split(",")}))
    except (ValueError, OverflowError):
        raise CapacityError("no such sizes", where="--sizes", expected="numbers such as 1e6,1e7", got=sizes) from None
    wanted = dataclasses.replace(extent, sizes=given)
    # Rounds of larger tables take longer, though by far not in proportion: most of a round does not depend on them.
    longer = max(1.0, math.sqrt(sum(given) / sum(extent.sizes)))
    return dataclasses.replace(wanted, seconds=extent.seconds * longer)


def _show(measured: Result) -> None:
    from rich.markup import escape
    from rich.table import Table

    from portdip.capacity.quantity import Span, quantity, span_text
    from portdip.cli import _terminal

    console = _terminal.output()
    machine = measured.machine
    console.print(
        f"portdip {measured.portdip} on {machine['processor']}, {machine['cores']} cores; "
        f"{measured.rounds} rounds in {measured.seconds:.0f} s, seed {measured.seed}",
        soft_wrap=True,
    )
    group = ""
    table = Table("figure", "median", "spread")
    for figure in measured.figures:
        if not figure.better:  # what only describes is for programs
            continue
        if group and figure.group != group:
            table.add_section()
        group = figure.group
        low, high = figure.interval
        spread = span_text(Span(low, figure.median, high), figure.unit)
        table.add_row(escape(_named(figure)), quantity(figure.median, figure.unit), spread)
    console.print(table)
    for remark in measured.remarks():
        console.print(remark, style="yellow", soft_wrap=True)


def _show_comparison(comparison: Comparison, console: Console) -> None:
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    from portdip.capacity.quantity import quantity

    table = Table("figure", "then", "now", "better by", "verdict")
    for one in comparison.figures:
        figure, ratio = one.figure, one.ratio
        table.add_row(
            escape(_named(figure)),
            quantity(one.then.median, figure.unit),
            quantity(figure.median, figure.unit),
            f"{_percent(ratio.estimate)} ({_percent(ratio.low)} to {_percent(ratio.high)})",
            Text(one.verdict, style=_STYLES[one.verdict]),
        )
    console.print(table)
    for warning in comparison.warnings:
        console.print(warning, style="yellow", soft_wrap=True)
    counts = ", ".join(f"{comparison.count(verdict)} {verdict}" for verdict in type(comparison.figures[0].verdict))
    console.print(
        f"against {comparison.when:%Y-%m-%d %H:%M} UTC: {counts}; "
        f"differences up to {comparison.tolerance:.0%} do not count",
        soft_wrap=True,
    )


def _named(figure: Figure) -> str:
    """A figure's name, with the size of its table if it has one."""
    from portdip.capacity.quantity import quantity

    return f"{figure.group}: {figure.name}" + (f", {quantity(figure.size, '')}" if figure.size else "")


def _percent(ratio: float) -> str:
    """How much more than 1 a ratio is."""
    return f"{round(ratio - 1, 2) + 0.0:+.0%}"  # what is added makes a negative zero a positive one
