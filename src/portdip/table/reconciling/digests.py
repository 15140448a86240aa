"""Digests of numbers by block of 10,000: two tables that are equal are known to be by a few bytes a block.

A block has three figures, of all its rows in whatever order they come:

    count        how many there are
    routes       sum, modulo 2^64, of row(number, text(carrier, 1) + text(routing number, 2))
    particulars  sum, modulo 2^64, of row(number, text(donor, 3) + mix(effective))

`effective` is in microseconds since 1970, -2^63 where it is not known; a donor that is not known adds nothing. `row`,
`text` and `mix` are those of digests.h. They are set in stone, for nodes compare digests made by different versions.
A sum, unlike an exclusive or, notices a row that is there twice. Blocks that differ have the same figures by accident
once in 2^64; the figures are no protection against somebody who wants them to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from portdip.errors import DamagedSnapshotError
from portdip.table.catalogue import Labels
from portdip.table.reconciling import _digests

Numbers = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]

BLOCK = _digests.BLOCK
_CARRIER, _ROUTING_NUMBER, _DONOR = 1, 2, 3
_NOT_KNOWN = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class Particulars:
    """Which of what stands in a row besides number and route is looked at: donors, effective times."""

    donors: bool = True
    times: bool = True

    def __bool__(self) -> bool:
        return self.donors or self.times


@dataclass(frozen=True, slots=True)
class Digests:
    """Blocks, in order, with their figures; columns of one length. A block is called by its number / `BLOCK`.

    `covers` says what is in `particulars`; what is not counts as not known in every row.
    """

    block: Numbers
    count: Numbers
    routes: Numbers
    particulars: Numbers
    covers: Particulars

    def __len__(self) -> int:
        return len(self.block)

    @property
    def rows(self) -> int:
        """How many rows there are in all blocks."""
        return int(self.count.sum())

    def differing(self, other: Digests) -> Numbers:
        """The blocks in which the two differ, in order; in particulars only where both cover something."""
        blocks = np.union1d(self.block, other.block)
        columns = ["count", "routes"]
        if self.covers and other.covers:
            assert self.covers == other.covers
            columns.append("particulars")
        differ = np.zeros(len(blocks), dtype=bool)
        for name in columns:
            differ |= self.spread(blocks, name) != other.spread(blocks, name)
        return blocks[differ]

    def counts_in(self, blocks: Numbers) -> Numbers:
        """How many rows there are in each of some blocks, which are in order."""
        counts = np.zeros(len(blocks), dtype=np.uint64)
        there = is_in(blocks, self.block)
        counts[there] = self.count[np.searchsorted(self.block, blocks[there])]
        return counts

    def within(self, blocks: Numbers) -> Digests:
        """Those of some blocks, which are in order."""
        chosen = is_in(self.block, blocks)
        return Digests(
            self.block[chosen], self.count[chosen], self.routes[chosen], self.particulars[chosen], self.covers
        )

    def spread(self, blocks: Numbers, name: str) -> Numbers:
        """One column for `blocks`, which are in order and have all of these among them; 0 for the others."""
        column = np.zeros(len(blocks), dtype=np.uint64)
        column[np.searchsorted(blocks, self.block)] = getattr(self, name)
        return column


class Digester:
    """Adds up the digests of rows as they come, in any order. For one thread."""

    def __init__(self, covers: Particulars) -> None:
        self._covers = covers
        self._blocks = _digests.BlockDigests()

    def add(self, rows: pa.RecordBatch) -> None:
        """Add rows of a schema of numbers in `portdip.exchange.rows`."""
        routes = np.zeros(len(rows), dtype=np.uint64)
        _digests.add_texts(rows.column("carrier"), _CARRIER, routes)
        _digests.add_texts(rows.column("routing_number"), _ROUTING_NUMBER, routes)
        particulars = None
        if self._covers:
            particulars = np.zeros(len(rows), dtype=np.uint64)
            if self._covers.donors:
                _digests.add_texts(rows.column("donor"), _DONOR, particulars)
            self._add_times(rows, particulars)
        self._blocks.add(rows.column("number").to_numpy(), routes, particulars)

    def add_coded(self, rows: pa.RecordBatch, hashes: Hashes) -> None:
        """Add rows of a table, schema `schema.NUMBERS`."""
        routes = hashes.routes_of(rows)
        particulars = None
        if self._covers:
            particulars = hashes.donors_of(rows) if self._covers.donors else np.zeros(len(rows), dtype=np.uint64)
            self._add_times(rows, particulars)
        self._blocks.add(rows.column("number").to_numpy(), routes, particulars)

    def finish(self, covers: Particulars | None = None) -> Digests:
        """The digests of all rows so far; `covers` where less has turned out to be there than was looked for."""
        block, count, routes, particulars = (np.empty(len(self._blocks), dtype=np.uint64) for _ in range(4))
        self._blocks.export(block, count, routes, particulars)
        order = np.argsort(block)
        return Digests(
            block[order], count[order], routes[order], particulars[order], self._covers if covers is None else covers
        )

    def _add_times(self, rows: pa.RecordBatch, particulars: Numbers) -> None:
        if self._covers.times:
            times = rows.column("effective").cast(pa.int64()).fill_null(_NOT_KNOWN).to_numpy()
        else:
            times = np.full(len(rows), _NOT_KNOWN)
        _digests.add_integers(times, particulars)


class Hashes:
    """The hashes of routes and donors by code. Both methods raise DamagedSnapshotError for a code that is none."""

    def __init__(self, labels: Labels) -> None:
        self._routes = np.zeros(len(labels.carriers), dtype=np.uint64)
        _digests.add_texts(labels.carriers, _CARRIER, self._routes)
        _digests.add_texts(labels.routing_numbers, _ROUTING_NUMBER, self._routes)
        self._donors = np.zeros(len(labels.donors), dtype=np.uint64)
        _digests.add_texts(labels.donors, _DONOR, self._donors)

    def routes_of(self, rows: pa.RecordBatch) -> Numbers:
        """The hash of each row's route."""
        return _chosen(self._routes, rows.column("route").to_numpy())

    def donors_of(self, rows: pa.RecordBatch) -> Numbers:
        """The hash of each row's donor."""
        return _chosen(self._donors, rows.column("donor").to_numpy())


def _chosen(hashes: Numbers, codes: npt.NDArray[np.uint16]) -> Numbers:
    try:
        return hashes[codes]
    except IndexError as error:
        raise DamagedSnapshotError("a code in the table has no route or carrier", got=str(error)) from error


def is_in(values: npt.NDArray[Any], among: npt.NDArray[Any]) -> Mask:
    """Which values are among those of a sorted column."""
    if not len(among):
        return np.zeros(len(values), dtype=bool)
    found: Mask = among[np.minimum(np.searchsorted(among, values), len(among) - 1)] == values
    return found


def in_blocks(numbers: Numbers, blocks: Numbers) -> Mask:
    """Which numbers are in blocks of a sorted column."""
    return is_in(numbers // np.uint64(BLOCK), blocks)
