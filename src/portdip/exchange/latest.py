"""Of several rows of one number, the one that counts: the highest by version, never the last in a file.

Files of a country do not fit in memory, and a number may come back anywhere in them. So they are read twice: first
their numbers alone, to learn which of them repeat (`Repeats`), then all of the row (`only_latest`). A row whose
number does not repeat passes at once; the others are held to the end. Memory grows with the number space in use
(one bit a number) and with the rows that repeat, not with the rows.

For one reader, in one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Numbers = npt.NDArray[np.uint64]

#: Numbers a bitmap stands for. Its 1.25 MB come from the system as zeros, and only the pages touched take memory.
_BITMAP_NUMBERS = 10_000_000

#: What is said of a row that is refused because no version decides.
CONTRADICTION = "the number is there before in the same version, but served differently"


class Repeats:
    """Learns which numbers come more than once."""

    def __init__(self) -> None:
        self._seen: dict[int, npt.NDArray[np.uint8]] = {}
        self._repeated: list[Numbers] = []

    def add(self, numbers: Numbers) -> None:
        """Take some more numbers, in any order."""
        if not len(numbers):
            return
        numbers = np.sort(numbers)
        again = numbers[1:] == numbers[:-1]
        if again.any():
            self._repeated.append(np.unique(numbers[1:][again]))
            numbers = numbers[np.append(True, ~again)]
        bitmaps, starts = np.unique(numbers // np.uint64(_BITMAP_NUMBERS), return_index=True)
        for bitmap, part in zip(bitmaps.tolist(), np.split(numbers, starts[1:]), strict=True):
            self._add(bitmap, part)

    def _add(self, bitmap: int, numbers: Numbers) -> None:
        """Take distinct numbers of one bitmap, in order."""
        if bitmap not in self._seen:
            self._seen[bitmap] = np.zeros(_BITMAP_NUMBERS // 8, dtype=np.uint8)
        seen = self._seen[bitmap]
        offset = numbers - np.uint64(bitmap * _BITMAP_NUMBERS)
        place, bit = (offset >> np.uint64(3)).astype(np.intp), np.uint8(1) << (offset & np.uint64(7)).astype(np.uint8)
        before = seen[place] & bit != 0
        if before.any():
            self._repeated.append(numbers[before])
        distinct, starts = np.unique(place, return_index=True)
        seen[distinct] |= np.bitwise_or.reduceat(bit, starts)

    def numbers(self) -> Numbers:
        """Those that came more than once so far, in order."""
        return np.unique(np.concatenate(self._repeated)) if self._repeated else np.empty(0, dtype=np.uint64)


#: The columns to compare rows of one number by, most important first, as integers.
Rank = Callable[[pa.Table], list[npt.NDArray[np.int64]]]


def only_latest(
    repeated: Numbers,
    batches: Iterable[pa.RecordBatch],
    rank: Rank,
    alike: tuple[str, ...],
    refuse: Callable[[int, str], None],
) -> Iterator[pa.RecordBatch]:
    """The rows of `batches` (columns `number`, `place` and others), of each number the one of the highest rank only.

    Rows of equal rank that differ in a column of `alike` contradict each other: the first by place counts, the others
    go to `refuse`, with their place and `CONTRADICTION`.
    """
    held: list[pa.RecordBatch] = []
    for batch in batches:
        if len(repeated):
            numbers = batch.column("number").to_numpy()
            position = np.minimum(np.searchsorted(repeated, numbers), len(repeated) - 1)
            repeats = pa.array(repeated[position] == numbers)
            held.append(batch.filter(repeats))
            batch = batch.filter(pc.invert(repeats))
        yield batch
    if any(map(len, held)):
        yield from _winners(pa.Table.from_batches(held), rank, alike, refuse).to_batches()


def _winners(held: pa.Table, rank: Rank, alike: tuple[str, ...], refuse: Callable[[int, str], None]) -> pa.Table:
    """Of each number the row of the highest rank."""
    ranks = rank(held)
    order = np.lexsort(
        (held.column("place").to_numpy(), *(-values for values in reversed(ranks)), held.column("number").to_numpy())
    )
    held = held.take(pa.array(order))
    numbers = held.column("number").to_numpy()
    first = np.append(True, numbers[1:] != numbers[:-1])
    winner = np.maximum.accumulate(np.where(first, np.arange(len(first)), 0))
    tied = ~first & np.logical_and.reduce([(values[order] == values[order][winner]) for values in ranks])
    others, winners = held.filter(pa.array(tied)), held.take(pa.array(winner[tied]))
    for place in others.filter(pc.invert(_alike(others, winners, alike))).column("place").to_pylist():
        refuse(place, CONTRADICTION)
    return held.filter(pa.array(first))


def _alike(rows: pa.Table, others: pa.Table, names: tuple[str, ...]) -> pa.ChunkedArray:
    """Which rows are as those beside them in these columns."""
    alike = pa.repeat(True, len(rows))
    for name in names:
        row, other = rows.column(name), others.column(name)
        equal = pc.and_kleene(pc.and_(row.is_valid(), other.is_valid()), pc.equal(row, other))
        alike = pc.and_(alike, pc.or_(equal, pc.and_(row.is_null(), other.is_null())))
    return alike
