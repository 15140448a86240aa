"""Columns to measure on: synthetic ported numbers, drawn once and then mapped, and questions about them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from portdip import index
from portdip.capacity.suite import tables
from portdip.exchange import population
from portdip.exchange.feeds.options import Options
from portdip.lookup.load import import_feed, init_store
from portdip.table.manifest import FORMAT_VERSION

CACHE = Path("build/bench")
SEED = 20_261_122


@dataclass(frozen=True)
class Columns:
    """Sorted numbers (mapped), their codes (mapped), the plan's ranges, and the image built of them."""

    plan: population.Plan
    numbers: npt.NDArray[np.uint64]
    codes: npt.NDArray[np.uint16]
    ranges: npt.NDArray[np.uint64]
    image: Path


def columns(plan_name: str, numbers: int, share: float) -> Columns:
    """`numbers` ported numbers in blocks with `share` of theirs ported; ranges only of the blocks used."""
    stem = CACHE / f"{plan_name}-{numbers}-{share:.0%}"
    plan = population.plan(plan_name)
    if not stem.with_suffix(".ranges.npy").exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        chunks = list(population.draw(plan, numbers, SEED, share))
        np.save(stem.with_suffix(".numbers.npy"), np.concatenate([chunk.numbers for chunk in chunks]))
        np.save(stem.with_suffix(".codes.npy"), np.concatenate([chunk.codes for chunk in chunks]))
        used = np.unique(np.concatenate([np.unique(chunk.numbers // 10_000) for chunk in chunks]))
        blocks = plan.ranges[:, 0] // 10_000
        np.save(stem.with_suffix(".ranges.npy"), plan.ranges[np.isin(blocks, used)])
    drawn = Columns(
        plan,
        np.load(stem.with_suffix(".numbers.npy"), mmap_mode="r"),
        np.load(stem.with_suffix(".codes.npy"), mmap_mode="r"),
        np.load(stem.with_suffix(".ranges.npy")),
        stem.with_suffix(".image"),
    )
    if not drawn.image.exists():
        build(drawn)
    return drawn


def build(drawn: Columns) -> None:
    """Build the image of the columns."""
    index.build(drawn.numbers, drawn.codes, drawn.ranges, drawn.image)


def store(drawn: Columns, numbers: int, share: float) -> Path:
    """A store of the same numbers, made as its users make it: the Chinese plan, then the numbers from Parquet."""
    path = CACHE / f"store-v{FORMAT_VERSION}-{numbers}"
    if not path.exists():
        rows, making = path.with_suffix(".parquet"), path.with_suffix(".making")
        population.write(drawn.plan, population.draw(drawn.plan, numbers, SEED, share), rows)
        shutil.rmtree(making, ignore_errors=True)
        init_store(making, "bench")
        import_feed(making, "phone-cn", [], Options(), lambda count, share: None)
        import_feed(making, "parquet", [rows], Options(), lambda count, share: None)
        making.rename(path)
    return path


def questions(drawn: Columns, count: int) -> npt.NDArray[np.uint64]:
    """`count` numbers in random order: half have an entry, half have none but lie in the same blocks."""
    return tables.questions(drawn.numbers, count, SEED)
