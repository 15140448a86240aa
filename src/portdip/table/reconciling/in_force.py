"""What the table of a store says at one moment: its live snapshot, and the chain after it folded over it as it is read.

Nothing is written and nothing is built. For one thread; the store may go on meanwhile.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from portdip import files
from portdip.errors import StoreLockedError
from portdip.exchange import rows
from portdip.exchange.chain import Head
from portdip.table import facts
from portdip.table.catalogue import Catalogue, Labels
from portdip.table.imported import announced
from portdip.table.merge import merge
from portdip.table.nested import Nest
from portdip.table.net import Net
from portdip.table.outstanding import Outstanding, microseconds
from portdip.table.reconciling.digests import Digester, Digests, Hashes, Numbers, Particulars, in_blocks
from portdip.table.store import Store

#: Called with how many rows are done, and the share of all (0 to 1) or None where nobody knows.
Progress = Callable[[int, float | None], None]


class InForce:
    """The table of `store` at `moment`.

    Raises DamagedSnapshotError or DeltaError where the store is damaged, and so do the methods.
    """

    #: It is read from no files that have rows to point at.
    sources: tuple[Path, ...] = ()

    def __init__(self, store: Store, moment: datetime) -> None:
        self.store = store
        snapshot = store.current()
        outstanding = Outstanding(snapshot)
        found = [outstanding.facts]
        self.head: Head = snapshot.manifest.head
        held = store.held
        for following in store.chain.after(self.head):
            if held is not None and following.sequence > held:
                break
            if announced(following):  # an import, which is not live yet
                snapshot = store.snapshot(following.sequence)
                outstanding = Outstanding(snapshot)
                found = [outstanding.facts]
            else:
                found.append(outstanding.take(following))
            self.head = Head.of(following)
        in_force, self.to_come = facts.join(found).in_force(microseconds(moment))
        #: Its carriers and routes, to which whoever compares may add those of the other side.
        self.catalogue: Catalogue = outstanding.catalogue
        #: Route codes above it are of the other side only.
        self.last_code = len(Labels.of(self.catalogue).carriers) - 1
        self._net = Net(snapshot.manifest.sequence, in_force, outstanding.sequence_of())
        self._numbers = snapshot.numbers
        self._base_ranges = snapshot.ranges

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.store.path}, sequence {self.head.sequence}"

    @property
    def dataset(self) -> str:
        """The dataset of the store."""
        return self.head.dataset

    @contextlib.contextmanager
    def scratch(self, name: str) -> Iterator[Path]:
        """A directory in the store for what need not be kept; StoreLockedError while another process has it."""
        path = self.store.path / name
        try:
            with files.scratch_directory(path) as scratch:
                yield scratch
        except BlockingIOError as error:
            raise StoreLockedError(
                "another process is reconciling the store", where=str(path), fix="Wait for it, or stop it."
            ) from error

    def numbers(self, progress: Progress = lambda count, share: None) -> Iterator[pa.RecordBatch]:
        """The ported numbers in order, batches of schema `schema.NUMBERS`."""
        done, most = 0, max(len(self._numbers) + len(self._net.facts.entries), 1)
        for batch in merge([], self._numbers, self._net, 0, _Unheard()):
            if len(batch):
                yield batch
                done += len(batch)
                progress(done, min(done / most, 1.0))

    @cached_property
    def flat_ranges(self) -> Nest:
        """The ranges side by side, those of nobody left out."""
        return self._net.ranges(Nest.of(self._base_ranges)).flat()

    def digests(
        self, wanted: Particulars, progress: Progress, look_over: Callable[[pa.RecordBatch], None] = lambda batch: None
    ) -> Digests:
        """The digests of all numbers; `look_over` is shown every batch on the way."""
        digester, hashes = Digester(wanted), Hashes(Labels.of(self.catalogue))
        for batch in self.numbers(progress):
            digester.add_coded(batch, hashes)
            look_over(batch)
        return digester.finish()

    def ranges(self) -> list[pa.RecordBatch]:
        """The ranges as rows of an exchange."""
        first, last, code = self.flat_ranges
        labels = Labels.of(self.catalogue)
        columns = [first, last, labels.carriers.take(pa.array(code)), labels.routing_numbers.take(pa.array(code))]
        return [pa.record_batch(columns, schema=rows.RANGES)]

    def rows(self, blocks: Numbers, progress: Progress) -> Iterator[pa.RecordBatch]:
        """The numbers of some blocks as rows of an exchange."""
        labels = Labels.of(self.catalogue)
        for batch in self.numbers(progress):
            chosen = batch.filter(pa.array(in_blocks(batch.column("number").to_numpy(), blocks)))
            number, route, donor, _, effective = chosen.columns
            columns = [number, labels.carriers.take(route), labels.routing_numbers.take(route)]
            yield pa.record_batch([*columns, labels.donors.take(donor), effective], schema=rows.NUMBERS)

    def with_rows(self, blocks: Numbers) -> Numbers:
        """Those blocks whose rows can be had: all."""
        return blocks


class _Unheard:
    """Nobody listens to what a merge of nothing new leaves out."""

    def repeated(self, number: int, place: int, place_kept: int) -> None:
        """Nothing is imported."""

    def replaced(self, count: int) -> None:
        """Nothing is imported."""

    def superseded(self, superseded: pa.RecordBatch) -> None:
        """What was there before is not asked for."""
