"""Reconciling: what a store's table and an authority's full dump, or another node's table, do not agree on.

    comparison = Comparison(InForce(store, now), Dump("csv", [file], None, BadRows()), Particulars(), progress)
    tally = Tally(examples_max=10)
    for batch in comparison.differences(progress):
        tally.add(batch)
    report = Report.of(comparison, tally)

Making a Comparison reads both sides once, for digests by block (`reconciling.digests`), and compares ranges. The
differences then come from the rows of the blocks that differ, whatever their order, in memory that does not grow.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa

from portdip.errors import InvalidRangeError, StoreError
from portdip.exchange import rows
from portdip.table import facts, merge, schema
from portdip.table.catalogue import Labels
from portdip.table.nested import Nest
from portdip.table.net import Net
from portdip.table.reconciling import differences
from portdip.table.reconciling.digests import Digests, Numbers, Particulars, in_blocks
from portdip.table.reconciling.in_force import InForce, Progress

_REPEATS_HELD = 10_000
_NO_RANGES = pa.RecordBatch.from_pylist([], schema=rows.RANGES)


class Other(Protocol):
    """The other side: `InForce` of another store, `dump.Dump`, `digest_file.DigestFile`."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def dataset(self) -> str | None:
        """The dataset it is of, None where it does not say."""

    @property
    def sources(self) -> tuple[Path, ...]:
        """The files that places of its rows point into."""

    def digests(self, wanted: Particulars, progress: Progress) -> Digests | None:
        """The digests of all numbers, None where it is silent about numbers. Called first."""

    def ranges(self) -> list[pa.RecordBatch] | None:
        """All ranges, batches of `rows.RANGES`, None where it is silent about ranges."""

    def rows(self, blocks: Numbers, progress: Progress) -> Iterator[pa.RecordBatch]:
        """The numbers of some blocks, which are in order, as batches of a schema of numbers in `rows`."""

    def with_rows(self, blocks: Numbers) -> Numbers:
        """Those of some blocks whose rows it has."""


class Comparison:
    """What `ours` and `theirs` differ in; of donors and times only what is `wanted` and the other side tells at all.

    Raises StoreError for nodes of two datasets, and what reading either side raises. For one thread.
    """

    def __init__(self, ours: InForce, theirs: Other, wanted: Particulars, progress: Progress) -> None:
        if theirs.dataset not in (None, ours.dataset):
            raise StoreError(
                "the nodes serve two datasets", where=theirs.name, expected=ours.dataset, got=str(theirs.dataset)
            )
        self.ours, self.theirs = ours, theirs
        their_digests = theirs.digests(wanted, progress)
        their_ranges = theirs.ranges()
        #: What of a row was compared besides number and route; and what was not compared, for the other is silent.
        self.covers = their_digests.covers if their_digests else Particulars(donors=False, times=False)
        self.not_told = _not_told(their_digests, their_ranges, wanted)
        self.their_ranges = None if their_ranges is None else self._flat(their_ranges)
        #: The ranges outside of which no number should be: the other side's, ours where it tells none.
        self.plan = ours.flat_ranges if self.their_ranges is None else self.their_ranges
        #: Numbers here, rows there, blocks that either has, and those that differ.
        self.numbers, self.their_rows, self.blocks = 0, 0, 0
        self.differing = np.empty(0, dtype=np.uint64)
        #: The blocks that differ and whose rows are not at hand; the numbers in them here, and on either side.
        self.undecided = self.differing
        self.undecided_here, self.undecided_numbers = 0, 0
        self._outside = 0
        if their_digests is not None:
            self._compare(their_digests, progress)

    def differences(self, progress: Progress) -> Iterator[pa.RecordBatch]:
        """The differences, batches of schema `differences.DIFFERENCES`: ranges first, then numbers.

        Of a number that is there more than once the first row is compared. Raises StoreLockedError while another
        process compares the same store, FeedError where a dump has changed since it was first read.
        """
        labels = Labels.of(self.ours.catalogue)
        if self.their_ranges is not None:
            yield differences.of_ranges(self.ours.flat_ranges, self.their_ranges, labels)
        blocks = np.setdiff1d(self.differing, self.undecided)
        if len(blocks):
            with self.ours.scratch("reconcile") as scratch:
                yield from self._of_blocks(blocks, scratch, progress)
        elif self._outside:
            for batch in self.ours.numbers(progress):
                yield differences.of_plan(batch, self.plan, labels)

    def _compare(self, theirs: Digests, progress: Progress) -> None:
        def looked_over(batch: pa.RecordBatch) -> None:
            self._outside += int(differences.outside(batch.column("number").to_numpy(), self.plan).sum())

        ours = self.ours.digests(theirs.covers, progress, looked_over)
        self.numbers, self.their_rows = ours.rows, theirs.rows
        self.differing = ours.differing(theirs)
        self.undecided = np.setdiff1d(self.differing, self.theirs.with_rows(self.differing))
        self.blocks = len(np.union1d(ours.block, theirs.block))
        here, there = (side.counts_in(self.undecided) for side in (ours, theirs))
        self.undecided_here, self.undecided_numbers = int(here.sum()), int(np.maximum(here, there).sum())

    def _flat(self, batches: list[pa.RecordBatch]) -> Nest:
        """The other side's ranges side by side, in our route codes."""
        first, last, carrier, routing_number = pa.concat_batches([_NO_RANGES, *batches]).columns
        codes = self.ours.catalogue.codes(carrier, routing_number)
        try:
            return Nest(first.to_numpy(), last.to_numpy(), codes).flat()
        except InvalidRangeError as error:
            error.where = self.theirs.name
            raise

    def _of_blocks(self, blocks: Numbers, scratch: Path, progress: Progress) -> Iterator[pa.RecordBatch]:
        heard = _Repeats(self.theirs)
        with contextlib.closing(merge.Runs(scratch, heard.repeated)) as runs:
            for batch in self.theirs.rows(blocks, progress):
                runs.add(merge.imported(batch, self.ours.catalogue))
                yield from heard.told()
            tables = runs.finish()
        labels = Labels.of(self.ours.catalogue)
        nothing = Net(0, facts.none(), np.zeros(1, dtype=np.uint64))
        theirs = merge.merge(tables, schema.NUMBERS.empty_table(), nothing, 0, heard)
        odd: list[pa.RecordBatch] = []
        ours = self._ours_in(blocks, labels, odd, progress)
        for here, there in differences.side_by_side(ours, theirs):
            yield differences.of_numbers(here, there, self.covers, self.plan, labels)
            yield from heard.told()
            yield from odd
            odd.clear()
        yield from heard.told(everything=True)
        yield from odd

    def _ours_in(
        self, blocks: Numbers, labels: Labels, odd: list[pa.RecordBatch], progress: Progress
    ) -> Iterator[pa.RecordBatch]:
        """Our rows in these blocks; of the others, those whose number is in no range are told to `odd`."""
        for batch in self.ours.numbers(progress):
            inside = in_blocks(batch.column("number").to_numpy(), blocks)
            if self._outside:
                odd.append(differences.of_plan(batch.filter(pa.array(~inside)), self.plan, labels))
            yield batch.filter(pa.array(inside))


class _Repeats:
    """Hears of numbers that are more than once on the other side."""

    def __init__(self, theirs: Other) -> None:
        self._theirs = theirs
        self._held: list[tuple[int, str]] = []

    def told(self, everything: bool = False) -> Iterator[pa.RecordBatch]:
        """What was heard so far, if it is much, or all of it."""
        if self._held and (everything or len(self._held) >= _REPEATS_HELD):
            yield differences.of_repeats(self._held)
            self._held = []

    def repeated(self, number: int, place: int, place_kept: int) -> None:
        """A number is there again; `place_kept` is that of the row which counts."""
        self._held.append((number, f"{self._where(place)}; first at {self._where(place_kept)}"))

    def replaced(self, count: int) -> None:
        """There is no table so far."""

    def superseded(self, superseded: pa.RecordBatch) -> None:
        """There is no table so far."""

    def _where(self, place: int) -> str:
        file, row = rows.place_of(place)
        return f"{self._theirs.sources[file]}, row {row}" if row else self._theirs.name


def _not_told(digests: Digests | None, ranges: list[pa.RecordBatch] | None, wanted: Particulars) -> list[str]:
    """What the other side says nothing of, though it was wanted."""
    silent = []
    if digests is None:
        silent.append("numbers")
    else:
        silent += ["donors"] * (wanted.donors and not digests.covers.donors)
        silent += ["effective times"] * (wanted.times and not digests.covers.times)
    return silent + ["ranges"] * (ranges is None)
