"""Building and opening an image: against numpy.sort of the same keys, and against reading anything at all."""

from __future__ import annotations

import os
import statistics
import threading
import time
from pathlib import Path

import numpy as np

from portdip.index import Index

from .figure import Figure, Size, interleaved, nanoseconds, ratio
from .populations import Columns, build, columns

_ROUNDS_MAX = 3


def figures(size: Size) -> list[Figure]:
    drawn = columns("cn", size.numbers, 0.16)
    name = f"cn 16%, {size.numbers / 1e6:g} M"
    return [_memory(drawn, name), _opening(drawn, name), _time(drawn, size, name)]


def _time(drawn: Columns, size: Size, name: str) -> Figure:
    shuffled = np.random.default_rng(1).permutation(drawn.numbers)
    times = interleaved(
        {"numpy.sort": lambda: np.sort(shuffled), "build": lambda: build(drawn)}, min(size.rounds, _ROUNDS_MAX)
    )
    detail = {"nanoseconds": nanoseconds(times, len(shuffled))}
    return Figure(f"build over numpy.sort, {name}", ratio(times, "build", "numpy.sort"), "x", 1.0, detail=detail)


def _memory(drawn: Columns, name: str) -> Figure:
    """Memory of its own that a build takes beside its (mapped) columns, at its peak, against the image's size."""
    before, peak, building = _own_memory(), 0, True

    def watch() -> None:
        nonlocal peak
        while building:
            peak = max(peak, _own_memory())
            time.sleep(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    build(drawn)
    building = False
    watcher.join()
    image = drawn.image.stat().st_size
    detail = {"peak_bytes": peak - before, "image_bytes": image}
    return Figure(f"peak memory of a build over its image, {name}", (peak - before) / image, "x", 2.5, detail=detail)


def _own_memory() -> int:
    """Anonymous resident bytes of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    return 0


def _opening(drawn: Columns, name: str) -> Figure:
    """Milliseconds to open an image that is not in the page cache."""
    taken = []
    for _ in range(5):
        with open(drawn.image, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        start = time.perf_counter()
        Index.open(drawn.image)
        taken.append((time.perf_counter() - start) * 1e3)
    return Figure(f"opening, mapped and cold, {name}", statistics.median(taken), "ms", 20.0)
