"""Another process that publishes deltas when told to, as the clearinghouse of a node does on its own machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa

from portdip.capacity.suite.tables import Numbers
from portdip.errors import CapacityError
from portdip.exchange.changes import Operation, batch
from portdip.exchange.population.numbering_plan import BLOCK
from portdip.table.store import Store

#: It may not take the core of what is measured: in life it is elsewhere.
_NICE = 19
_PATIENCE_SECONDS = 60.0
#: Recipients that changes are made to: routes of the plan are few in a region, so these are carriers and no routes.
_RECIPIENTS = tuple(f"X{ordinal:03d}" for ordinal in range(8))


class Publisher:
    """Publishes to the store at `path` ports of numbers near `numbers`, for a `with` block in one thread."""

    def __init__(self, path: Path, numbers: Numbers) -> None:
        context = multiprocessing.get_context("spawn")
        self._here, there = context.Pipe()
        self._process = context.Process(target=_publish_when_told, args=(path, numbers, there), daemon=True)

    def __enter__(self) -> Self:
        # The terminal sends SIGINT to all of us; who measures decides. The process inherits that it is blocked, so that
        # it is while Python starts as well. Starting the tracker lets it through again: so that comes before.
        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        try:
            self.wait()
        except BaseException:
            self._end(0.0)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end(_PATIENCE_SECONDS if kind is None else 0.0)

    def _end(self, patience: float) -> None:
        self._here.close()
        self._process.join(patience)
        self._process.kill()
        self._process.join()

    def start(self, seconds: float, rate: float, changes: int) -> None:
        """Publish `rate` deltas a second of `changes` changes each for so long, from now on."""
        self._here.send((seconds, rate, changes))

    def wait(self) -> None:
        """Return when it has done so. Raises CapacityError if it never does, or has ended."""
        try:
            if self._here.poll(_PATIENCE_SECONDS):
                self._here.recv()
                return
        except (EOFError, OSError):
            pass
        raise CapacityError("the process that publishes deltas does not answer", fix="Measure again.")


def changes(numbers: Numbers, count: int, random: np.random.Generator) -> Iterator[pa.RecordBatch]:
    """Without end: batches of `count` ports or a few less, of numbers in the blocks of `numbers`."""
    block = np.uint64(BLOCK)
    while True:
        near = numbers[random.integers(0, len(numbers), count)] // block * block
        ported = np.unique(near + random.integers(0, BLOCK, count, dtype=np.uint64))
        carriers = [_RECIPIENTS[number % len(_RECIPIENTS)] for number in ported.tolist()]
        yield batch(operation=[Operation.PORT] * len(ported), number=ported, carrier=carriers)


def _publish_when_told(path: Path, numbers: Numbers, pipe: Connection) -> None:
    os.nice(_NICE)
    store, random = Store.open(path), np.random.default_rng(1)
    pipe.send("ready")
    try:
        while True:
            seconds, rate, count = pipe.recv()
            made = changes(numbers, count, random)
            began, turn = time.perf_counter(), 0
            with store.writer() as writer:
                while turn < seconds * rate:
                    writer.add(next(made))
                    writer.publish()
                    turn += 1
                    time.sleep(max(0.0, turn / rate - (time.perf_counter() - began)))
            pipe.send("done")
    except (EOFError, ConnectionError):
        return
