"""`portdip generate`: synthetic ported numbers in a Parquet file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def generate(
    out: Annotated[Path, typer.Argument(help="The Parquet file to write.", metavar="OUT")],
    plan: Annotated[str, typer.Option(help="The numbering plan: cn (package 'phone') or nanp (synthetic).")],
    numbers: Annotated[int, typer.Option(min=1, help="How many ported numbers.", show_default=False)],
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same numbers.")] = 1,
    share: Annotated[
        float | None,
        typer.Option(help="Use few blocks, each with this share of its numbers ported (0.16), not the whole plan."),
    ] = None,
    ranges_out: Annotated[
        Path | None, typer.Option(help="Also write the plan's ranges, as a Parquet file.", show_default=False)
    ] = None,
) -> None:
    """Write synthetic ported numbers, drawn from a model of a country's ported numbers.

    Both files are for `portdip import --feed parquet`.
    """
    from portdip.cli import _terminal
    from portdip.exchange import population

    numbering = population.plan(plan)
    chunks = population.draw(numbering, numbers, seed, share)
    if ranges_out is not None:
        population.write_ranges(numbering, ranges_out)
    with _terminal.progress("generate", "numbers") as report:
        population.write(numbering, chunks, out, lambda count: report(count, count / numbers))
    console = _terminal.output()
    console.print(f"{numbers:,} ported numbers of plan {plan}, seed {seed}, in {out}", soft_wrap=True)
    if ranges_out is not None:
        console.print(f"{len(numbering.ranges):,} ranges in {ranges_out}", soft_wrap=True)
