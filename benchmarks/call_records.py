"""Call records to annotate, a store with a past to annotate them from, and what it takes to do so to files."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import portdip
from portdip import files
from portdip.batch.job.plan import shards
from portdip.batch.job.run import annotate_files
from portdip.batch.question import Question
from portdip.exchange.changes import Operation, batch
from portdip.lookup.load import fold
from portdip.table.outstanding import microseconds
from portdip.table.store import Store

from .populations import CACHE, SEED, Columns, questions, store

#: The share of numbers that were ported again, how often, and days of history that they were in.
PORTED_AGAIN, TIMES_AGAIN, DAYS = 0.1, 2, 200
ROWS_OF_A_GROUP, ROWS_OF_A_BATCH = 131_072, 131_072
CARRIERS = ("CMCC", "CTCC", "CUCC", "CBN")
_PROCESSES = 2


def store_with_past(drawn: Columns, numbers: int, share: float) -> Path:
    """The store of the same numbers, a tenth of which were ported again and again; all of it folded."""
    base = store(drawn, numbers, share)
    path = base.with_name(base.name + "-past")
    if not path.exists():
        making = path.with_suffix(".making")
        shutil.rmtree(making, ignore_errors=True)
        shutil.copytree(base, making)
        random = np.random.default_rng(SEED)
        again = drawn.numbers[np.sort(random.choice(len(drawn.numbers), int(len(drawn.numbers) * PORTED_AGAIN), False))]
        now = datetime.now(UTC)
        with Store.open(making).writer() as writer:
            for turn in range(TIMES_AGAIN):
                for some in np.array_split(again, max(len(again) // 40_000, 1)):
                    days = random.integers(0, DAYS * 86_400, len(some)) / TIMES_AGAIN + turn * DAYS * 43_200
                    starts = microseconds(now - timedelta(days=DAYS)) + (days * 1e6).astype(np.int64)
                    columns: dict[str, object] = {"operation": [Operation.PORT] * len(some), "number": some}
                    columns["carrier"] = [CARRIERS[place] for place in random.integers(0, len(CARRIERS), len(some))]
                    columns["effective"] = pa.array(starts).cast(pa.timestamp("us", tz="UTC"))
                    writer.add(batch(**columns))
                    writer.publish()
        fold(making, lambda count, share: None)
        making.rename(path)
    return path


def write_records(drawn: Columns, rows: int, path: Path) -> Path:
    """Call records: an id, caller, called number as text, start of the last 200 days, seconds and a cell."""
    random = np.random.default_rng(SEED)
    asked = questions(drawn, min(rows, 4_000_000))
    now = microseconds(datetime.now(UTC))
    writer = None
    for begin in range(0, rows, ROWS_OF_A_GROUP):
        count = min(ROWS_OF_A_GROUP, rows - begin)
        caller, called = (random.choice(asked, count) for _ in range(2))
        table = pa.table(
            {
                "id": pa.array(np.arange(begin, begin + count)),
                "caller": pa.array(caller).cast(pa.string()),
                "called": pa.array(called).cast(pa.string()),
                "started_at": pa.array(now - random.integers(0, DAYS * 86_400_000_000, count)).cast(
                    pa.timestamp("us", tz="UTC")
                ),
                "seconds": pa.array(random.exponential(90, count).astype(np.int32)),
                "cell": pa.array(random.integers(0, 30_000, count, dtype=np.int32)),
            }
        )
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()
    return path


def annotated(path: Path, source: Path, question: Question) -> None:
    """Annotate the file as a job of two processes."""
    out = CACHE / "annotated"
    shutil.rmtree(out, ignore_errors=True)
    outcome = annotate_files(portdip.open_engine(path), path, [source], out, question, workers=_PROCESSES)
    assert not outcome.damaged
    shutil.rmtree(out)


def copied(source: Path) -> None:
    """Read and write the same shards, in as many processes, begun as those of a job are, without annotating."""
    out = CACHE / "copied"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    parts = [(shard.source, shard.row_groups, out / shard.target) for shard in shards([source], out)[0]]
    with ProcessPoolExecutor(_PROCESSES, multiprocessing.get_context("spawn")) as processes:
        list(processes.map(_copy, parts))
    shutil.rmtree(out)


def _copy(part: tuple[str, range | None, Path]) -> None:
    source, row_groups, target = part
    parquet = pq.ParquetFile(source, buffer_size=1 << 20, pre_buffer=False)
    with files.replacing(target) as file, pq.ParquetWriter(file, parquet.schema_arrow) as writer:
        for rows in parquet.iter_batches(ROWS_OF_A_BATCH, None if row_groups is None else list(row_groups)):
            writer.write_batch(rows)


def peak_memory(path: Path, source: Path) -> int:
    """Bytes of the largest process of `portdip annotate` at its largest, the index's mapped pages among them."""
    out = CACHE / "annotated"
    shutil.rmtree(out, ignore_errors=True)
    command = [
        sys.executable,
        "-m",
        "portdip",
        "annotate",
        str(path),
        str(source),
        str(out) + "/",
        "--column",
        "called",
    ]
    command += ["--at-column", "started_at", "--json"]
    files.make_directory(out)
    said = _in_a_process_of_its_own(command)
    shutil.rmtree(out)
    return said


def _in_a_process_of_its_own(command: list[str]) -> int:
    """The peak of a command and of all that it started: those of earlier commands do not count."""
    code = (
        "import resource, subprocess, sys, json; subprocess.run(json.loads(sys.argv[1]), check=True, stdout=2);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, json.dumps(command)], check=True, capture_output=True, text=True, env=os.environ
    )
    return int(ran.stdout) * 1024


def seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
