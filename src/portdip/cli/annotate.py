"""The verb `annotate`: routes beside the numbers of a file."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

import typer


def annotate(
    store: Annotated[Path, typer.Argument(help="The store to ask.", metavar="STORE")],
    source: Annotated[Path, typer.Argument(help="The file to read.", metavar="IN")],
    target: Annotated[Path, typer.Argument(help="The file to write.", metavar="OUT")],
    column: Annotated[str, typer.Option(help="The column that holds the numbers.")],
    prefix: Annotated[str, typer.Option(help="Put this before the names of the new columns.")] = "",
    threads: Annotated[int | None, typer.Option(min=1, help="Threads to use; all cores if not given.")] = None,
) -> None:
    """Add carrier, routing_number, ported and status to a Parquet, Arrow or CSV file.

    The ends of the names say the formats: .parquet, .arrow, .arrows (a stream), .csv, .tsv, .csv.gz, .tsv.gz.
    Rows keep their order and all other columns what is in them; files may be larger than memory. OUT appears
    when it is complete.
    """
    from portdip import open_engine
    from portdip.batch.annotate import annotate_file
    from portdip.cli import _terminal

    engine = open_engine(store)
    began = time.monotonic()
    with _terminal.progress("annotate", "rows") as report:
        counts = annotate_file(
            engine, source, target, column, prefix=prefix, threads=threads or _cores(), report=report
        )
    seconds = time.monotonic() - began
    rows = sum(counts.values())
    print(f"{target}: {rows:,} rows in {seconds:.1f} s")
    for name, count in counts.items():
        print(f"{name:<12}{count:>15,}{count / max(rows, 1):>9.2%}")


def _cores() -> int:
    """The cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
