"""The verb `annotate`: routes beside the numbers of files."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from portdip.batch.place import Place
    from portdip.batch.question import Question, Tally
    from portdip.lookup.engine import Engine

#: Some inputs were damaged and left out; all others are done.
LEFT_OUT = 3
_STREAM = Path("-")


def annotate(
    store: Annotated[Path, typer.Argument(help="The store to ask.", metavar="STORE")],
    paths: Annotated[
        list[Path],
        typer.Argument(help="What to read: files, directories, or -; last what to write.", metavar="IN... OUT"),
    ],
    column: Annotated[str, typer.Option(help="The column that holds the numbers.")],
    at_column: Annotated[
        str | None, typer.Option(help="The column that holds the times: who served the numbers then.")
    ] = None,
    time_zone: Annotated[
        str | None, typer.Option(help="The zone of times that have none, such as Asia/Shanghai.")
    ] = None,
    prefix: Annotated[str, typer.Option(help="Put this before the names of the new columns.")] = "",
    region: Annotated[
        str | None,
        typer.Option(help="Numbers are as people of this country (such as CN) write them; slow, some 30 µs each."),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads for a file, processes for many; all cores if not given.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a job of many files that was stopped.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
    """Add carrier, routing_number, ported and status to Parquet, Arrow or CSV files.

    The ends of the names say the formats: .parquet, .arrow, .arrows (a stream), .csv, .tsv, and these two with .gz or
    .zst. Rows keep their order and all other columns what is in them; files may be larger than memory. With
    --at-column each record is answered with who served the number at that time, from the store's history; the status
    is before-history where that begins later, and invalid-time where the text is no time. Numbers are international:
    digits with or without +; --region takes national ones, and separators, too.

    One file gives one file, and OUT appears when it is complete. IN or OUT may be - for standard input and output, CSV
    or an Arrow stream. Several files, or directories with files at any depth, give the directory OUT with as many:
    in shards, by several processes, all from the same state of the store. OUT/_SUCCESS tells the counts when all are
    done; --resume goes on with what was stopped. A damaged input is named and left out.

    Exit code 2: nothing could be done, or the job was stopped. 3: some inputs were left out.
    """
    if len(paths) < 2:
        raise typer.BadParameter("give at least one IN, and OUT", param_hint="IN... OUT")
    from portdip import open_engine
    from portdip.batch.question import Question

    question = Question(column, at_column, time_zone, prefix, region)
    engine = open_engine(store)
    *inputs, out = paths
    began = time.monotonic()
    told: dict[str, Any] = {"sequence": engine.sequence}
    if _is_job(inputs, out, resume):
        tally, damaged = _job(engine, store, inputs, out, question, threads or _cores(), resume, told)
    else:
        tally, damaged = _one(engine, inputs[0], out, question, threads or _cores()), []
    seconds = time.monotonic() - began
    told |= {"rows": tally.rows, "seconds": round(seconds, 3), "statuses": tally.by_status(question)}
    told["damaged"] = [{"input": source, "reason": reason} for source, reason in damaged]
    _tell(told, out, as_json)
    if damaged:
        raise typer.Exit(LEFT_OUT)


def _is_job(inputs: list[Path], out: Path, resume: bool) -> bool:
    """Whether many files are made of what is given: then OUT is a directory."""
    if _STREAM in inputs or out == _STREAM:
        if len(inputs) > 1 or resume or inputs[0].is_dir():
            raise typer.BadParameter("- stands for one stream: give one IN, and OUT", param_hint="IN... OUT")
        return False
    return resume or len(inputs) > 1 or inputs[0].is_dir() or out.is_dir()


def _one(engine: Engine, given: Path, out: Path, question: Question, threads: int) -> Tally:
    from portdip.batch.annotate import annotate as annotated
    from portdip.batch.place import Place
    from portdip.cli import _terminal

    source: Place = Place.incoming(sys.stdin.buffer) if given == _STREAM else Place.of(given)
    target = Place.outgoing(sys.stdout.buffer, source) if out == _STREAM else Place.of(out)
    with _terminal.progress("annotate", "rows") as report:
        return annotated(engine, source, target, question, threads=threads, report=report)


def _job(
    engine: Engine,
    store: Path,
    inputs: list[Path],
    out: Path,
    question: Question,
    workers: int,
    resume: bool,
    told: dict[str, Any],
) -> tuple[Tally, list[tuple[str, str]]]:
    from portdip.batch.job.run import annotate_files
    from portdip.cli import _terminal

    with _terminal.progress("annotate", "rows") as report:
        outcome = annotate_files(engine, store, inputs, out, question, workers=workers, resume=resume, report=report)
    told |= {"sequence": outcome.sequence, "shards": outcome.shards, "resumed": outcome.resumed}
    told["passed_over"] = [str(path) for path in outcome.passed_over]
    return outcome.tally, outcome.damaged


def _tell(told: dict[str, Any], out: Path, as_json: bool) -> None:
    """Say what was done: on standard error where standard output has the records."""
    from portdip.cli import _terminal

    said = sys.stderr if out == _STREAM else sys.stdout
    for one in told["damaged"]:
        _terminal.errors().print(f"portdip: left out: {one['reason']}", style="red", markup=False, soft_wrap=True)
    if others := told.get("passed_over"):
        more = f" and {len(others) - 1:,} more" if len(others) > 1 else ""
        what = f"portdip: passed over, as the name tells no format: {others[0]}{more}"
        _terminal.errors().print(what, style="yellow", markup=False, soft_wrap=True)
    if as_json:
        print(json.dumps(told), file=said)
        return
    parts = f" in {told['shards']:,} shards" if "shards" in told else ""
    done = f", {told['resumed']:,} of them done before" if told.get("resumed") else ""
    print(f"{out}: {told['rows']:,} rows{parts}{done} in {told['seconds']:.1f} s", file=said)
    for name, count in told["statuses"].items():
        print(f"{name:<14}{count:>15,}{count / max(told['rows'], 1):>9.2%}", file=said)


def _cores() -> int:
    """The cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
