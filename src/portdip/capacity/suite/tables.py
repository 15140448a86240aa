"""The stores that are measured: synthetic numbers of one size, made as users make theirs, and questions about them."""

from __future__ import annotations

import dataclasses
import functools
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from portdip import files, index
from portdip.capacity import machine
from portdip.errors import CapacityError
from portdip.exchange import population
from portdip.exchange.feeds.options import Options
from portdip.exchange.keys import Trust
from portdip.exchange.population.numbering_plan import BLOCK
from portdip.lookup.load import import_feed, init_store
from portdip.lookup.node import found
from portdip.table.store import Store

Numbers = npt.NDArray[np.uint64]

#: Synthetic throughout, so no package is needed, and crowded with routes.
PLAN = "nanp"
#: Share of the numbers ported in each block that is used.
SHARE = 0.16
#: The shares that bytes per number are measured at: a country with little porting, up to one where all do.
DENSITIES = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32)
#: Bytes of memory and of disk that a size needs for each number while it is measured, with room to spare.
MEMORY_BYTES, DISK_BYTES = 80, 240
QUESTIONS_MAX = 2_000_000


@dataclass(frozen=True)
class Table:
    """A store of `size` ported numbers in `folder`, and questions: half ported, half not but in the same blocks."""

    size: int
    folder: Path
    store: Path
    numbers: Numbers
    asked: Numbers

    def copy(self, name: str) -> Store:
        """Another store with the same snapshot in the same folder, for its chain to grow: founded as nodes are."""
        founded = found(self.folder / name, str(self.store), Trust())
        assert founded is not None
        return founded.store


def check_room(size: int, folder: Path) -> None:
    """Raise CapacityError where memory or disk has no room for a table of `size` numbers."""
    memory, disk = machine.memory_available(), shutil.disk_usage(folder).free
    for what, needed, there in (("memory", size * MEMORY_BYTES, memory), ("disk", size * DISK_BYTES, disk)):
        if there and needed > there:
            raise CapacityError(
                f"no room for a table of {size:,} numbers",
                where=str(folder) if what == "disk" else "",
                expected=f"{needed / 1e9:.1f} GB of {what}",
                got=f"{there / 1e9:.1f} GB",
                fix="Give smaller --sizes, or another --directory." if what == "disk" else "Give smaller --sizes.",
            )


def make(size: int, seed: int, folder: Path) -> Table:
    """Make the store; the plan's ranges only of the blocks that are used, for the others would only take time."""
    plan = _plan()
    chunks = list(population.draw(plan, size, seed, SHARE))
    numbers = np.concatenate([chunk.numbers for chunk in chunks])
    used = np.unique(numbers // BLOCK)
    ranges = plan.ranges[np.isin(plan.ranges[:, 0] // BLOCK, used)]
    store, rows = folder / "store", folder / "numbers.parquet"
    files.make_directory(folder)
    population.write_ranges(dataclasses.replace(plan, ranges=ranges), folder / "ranges.parquet")
    population.write(plan, chunks, rows)
    init_store(store, "bench")
    for path in (folder / "ranges.parquet", rows):
        import_feed(store, "parquet", [path], Options(), _unheard)
    return Table(size, folder, store, numbers, questions(numbers, min(2 * size, QUESTIONS_MAX), seed))


def questions(numbers: Numbers, count: int, seed: int) -> Numbers:
    """`count` numbers in random order: half are in `numbers`, which ascend, half are not but in the same blocks."""
    random = np.random.default_rng(seed)
    present = numbers[np.sort(random.integers(0, len(numbers), count - count // 2))]
    near = numbers[np.sort(random.integers(0, len(numbers), 2 * count))]
    block = np.uint64(BLOCK)
    candidates = near // block * block + random.integers(0, BLOCK, len(near), dtype=np.uint64)
    places = np.searchsorted(numbers, candidates)
    absent = candidates[numbers[np.minimum(places, len(numbers) - 1)] != candidates]
    asked = np.concatenate([present, random.permutation(absent)[: count // 2]])
    return random.permutation(asked)


def bytes_per_number(share: float, numbers: int, seed: int, path: Path) -> float:
    """What the index takes for each of so many numbers where `share` of each block's are ported; `path` is scratch."""
    plan = _plan()
    chunks = list(population.draw(plan, numbers, seed, share))
    drawn = np.concatenate([chunk.numbers for chunk in chunks])
    used = np.unique(drawn // BLOCK)
    ranges = plan.ranges[np.isin(plan.ranges[:, 0] // BLOCK, used)]
    index.build(drawn, np.concatenate([chunk.codes for chunk in chunks]), ranges, path)
    _, size = files.read_head(path, 0)
    files.remove(path)
    return size / len(drawn)


@functools.cache
def _plan() -> population.Plan:
    return population.plan(PLAN)


def _unheard(count: int, share: float | None) -> None:
    """A store is made in a few seconds."""
