"""One billion numbers on one machine: built as they are drawn, opened, and asked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from portdip import files
from portdip.capacity.machine import gather
from portdip.exchange import population
from portdip.index import Builder, Index

from .figure import Figure, Size, interleaved, nanoseconds, ratio
from .populations import CACHE, SEED

_SHARE = 0.22
_SAMPLE_EVERY = 500


def figures(size: Size) -> list[Figure]:
    plan = population.plan("cn")
    path = CACHE / "billion.image"
    CACHE.mkdir(parents=True, exist_ok=True)
    name = f"cn {_SHARE:.0%}, {size.numbers / 1e6:g} M"
    sampled: list[tuple[np.ndarray, np.ndarray]] = []
    building = 0.0
    with Builder(path, plan.ranges) as builder:
        for chunk in population.draw(plan, size.numbers, SEED, _SHARE):
            sampled.append((chunk.numbers[::_SAMPLE_EVERY].copy(), chunk.codes[::_SAMPLE_EVERY].copy()))
            start = time.perf_counter()
            builder.add(chunk.numbers, chunk.codes)
            building += time.perf_counter() - start
    index = Index.open(path, resident=True)
    numbers, codes = (np.concatenate(column) for column in zip(*sampled, strict=True))
    assert len(index) == size.numbers
    assert (index.find_many(numbers) == codes).all()
    return [
        Figure(f"bytes per number, {name}", index.nbytes / len(index), "B"),
        Figure(f"seconds to build (drawing not counted), {name}", round(building, 1), "s"),
        *_batch(index, numbers, size, name),
    ]


def _batch(index: Index, present: np.ndarray, size: Size, name: str) -> Iterator[Figure]:
    random = np.random.default_rng(SEED)
    near = random.choice(present, size.questions) // 10_000 * 10_000
    asked = near + random.integers(0, 10_000, len(near), dtype=np.uint64)
    asked[: len(asked) // 2] = random.choice(present, len(asked) // 2)
    asked = random.permutation(asked)
    memory = np.frombuffer(files.read_into_huge_pages(Path(index.where)), dtype=np.uint8)
    order = random.integers(0, len(memory) // 64, len(asked), dtype=np.uint64)
    times = interleaved(
        {"gather": lambda: gather(memory, order), "find_many": lambda: index.find_many(asked)}, size.rounds
    )
    detail = {"nanoseconds": nanoseconds(times, len(asked))}
    yield Figure(f"find_many over gather, {name}", ratio(times, "find_many", "gather"), "x", detail=detail)
