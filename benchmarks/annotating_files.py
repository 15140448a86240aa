"""Annotation of files, and with times, against the same without: what reading the past costs, and flat memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

import portdip
from portdip.batch.question import Question

from . import call_records
from .figure import Figure, Size, interleaved, nanoseconds, ratio
from .populations import CACHE, Columns, columns, questions

_ROUNDS_MAX = 5


def figures(size: Size) -> list[Figure]:
    drawn = columns("cn", size.numbers, 0.16)
    name = f"{size.numbers / 1e6:g} M"
    return [*_columns(drawn, questions(drawn, size.questions), size, name), *_files(drawn, size, name)]


def _columns(drawn: Columns, asked: Any, size: Size, name: str) -> list[Figure]:
    """Who served each number at a moment of its own against who serves it now: columns in memory."""
    engine = portdip.open_engine(call_records.store_with_past(drawn, size.numbers, 0.16), resident=True)
    texts = pa.array(asked).cast(pa.string())
    now = np.int64(engine.as_of.timestamp() * 1e6)
    moments = now - np.random.default_rng(1).integers(0, call_records.DAYS * 86_400_000_000, len(asked))
    building = call_records.seconds(lambda: engine.annotate(texts, at=moments))
    candidates: dict[str, Callable[[], object]] = {
        "annotate": lambda: engine.annotate(texts),
        "annotate at times": lambda: engine.annotate(texts, at=moments),
    }
    times = interleaved(candidates, size.rounds)
    timeline = engine.timeline(int(moments.min()))
    detail = {
        "nanoseconds": nanoseconds(times, len(asked)),
        "seconds until the first answer": round(building, 2),
        "timeline bytes": timeline.nbytes,
        "ported again": call_records.PORTED_AGAIN,
    }
    value = ratio(times, "annotate at times", "annotate")
    return [Figure(f"annotate at times over annotate, {name}", value, "x", None, detail=detail)]


def _files(drawn: Columns, size: Size, name: str) -> list[Figure]:
    """Parquet to Parquet by two processes: against copying, with times against without, and memory."""
    path = call_records.store_with_past(drawn, size.numbers, 0.16)
    rows = size.questions * 2
    small, large = (
        call_records.write_records(drawn, count, CACHE / f"records-{count}.parquet") for count in (rows // 10, rows)
    )
    candidates: dict[str, Callable[[], object]] = {
        "copy": lambda: call_records.copied(large),
        "annotate": lambda: call_records.annotated(path, large, Question("called")),
        "annotate at times": lambda: call_records.annotated(path, large, Question("called", "started_at")),
    }
    times = interleaved(candidates, min(size.rounds, _ROUNDS_MAX))
    detail: dict[str, Any] = {"rows": rows, "nanoseconds": nanoseconds(times, rows)}
    peaks = [call_records.peak_memory(path, source) for source in (small, large)]
    memory = {"bytes": peaks, "rows": [rows // 10, rows]}
    return [
        Figure(
            f"annotate Parquet over copying it, 2 processes, {name}",
            ratio(times, "annotate", "copy"),
            *("x", 1.5),
            detail=detail,
        ),
        Figure(
            f"annotate Parquet at times over without, 2 processes, {name}",
            ratio(times, "annotate at times", "annotate"),
            *("x", 2.0),
            detail=detail,
        ),
        Figure(f"peak memory of annotate, 10 x the rows, {name}", peaks[1] / peaks[0], "x", 1.1, detail=memory),
    ]
