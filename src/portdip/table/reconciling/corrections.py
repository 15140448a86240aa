"""Differences to changes that would make this side's table equal to the other one, and publishing them.

A number with another change to come is left alone: of several changes the one latest in the chain counts, so a
correction of today would undo what was accepted for tomorrow. The same goes for what a change of many numbers to come
will move, for what has changed since the other side was written, and while the two were compared.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from portdip.errors import StoreError
from portdip.exchange import change_file, change_rules, changes
from portdip.exchange.changes import Operation
from portdip.exchange.delta import Delta
from portdip.exchange.feeds.options import BadRows
from portdip.table import facts
from portdip.table.facts import Facts
from portdip.table.imported import announced
from portdip.table.reconciling import as_csv
from portdip.table.reconciling.digests import Mask, Particulars
from portdip.table.reconciling.in_force import InForce

#: The columns of a file of corrections, which `portdip.exchange.change_file` reads.
COLUMNS = ("operation", "number", "first", "last", "carrier", "routing_number", "donor", "effective")

_TO_COME = "a change of them takes effect later"
_SINCE = "they have changed since the dump was made"
_MEANWHILE = "they have changed meanwhile"
_NOT_READ = "rows of the dump could not be read, so nobody knows that they are not there"
_NO_CHANGE = "a change cannot say it"


class Corrections:
    """Makes changes of differences.

    `covers` says what was compared besides routes; `complete` is False where the other side may have more than could
    be read; `made` is when it was written, if known. `count` is how many changes there are, `left_alone` how many there
    are not, by reason. Raises StoreError where the chain cannot tell what has changed since `made`.
    """

    def __init__(self, ours: InForce, covers: Particulars, complete: bool = True, made: datetime | None = None) -> None:
        self.count = 0
        self.left_alone: Counter[str] = Counter()
        self._ours = ours
        self._covers = covers
        self._complete = complete
        self._since = _facts(ours, [] if made is None else _made_after(made, ours))

    def of(self, differences: pa.RecordBatch) -> pa.RecordBatch:
        """The changes, schema CHANGES, that differences (schema `differences.DIFFERENCES`) call for."""
        classes = differences.column("classes")
        made = [
            self._of_numbers(differences.filter(pc.match_substring_regex(classes, "[ABCDF]"))),
            _of_ranges(differences.filter(pc.match_substring(classes, "E"))),
        ]
        rows = pa.concat_batches(made)
        if not self._complete:
            rows = self._without(rows, rows.column("operation").to_numpy() != Operation.PORT, _NOT_READ)
        rows = self._without(rows, change_rules.wrong(rows), _NO_CHANGE)
        rows = self._without(rows, touched(rows, self._ours.to_come, self._ours), _TO_COME)
        rows = self._without(rows, touched(rows, self._since, self._ours), _SINCE)
        self.count += len(rows)
        return rows

    @contextlib.contextmanager
    def writing(self, path: Path) -> Iterator[Callable[[pa.RecordBatch], None]]:
        """Takes differences and writes the changes as a file of changes, which is there when the block ends well."""
        with as_csv.writing(path, COLUMNS) as write:
            yield lambda differences: write(_as_file(self.of(differences)))

    def publish(self, path: Path) -> list[int]:
        """Publish what was written to `path`: the sequences of the deltas.

        What the chain has changed since the table was read is left alone. Raises StoreError where the store is held
        at an earlier sequence, or was imported anew meanwhile; and as publishing does.
        """
        if not self.count:
            return []
        store = self._ours.store
        if store.held is not None:
            raise StoreError("the store is held at an earlier sequence", where=str(store.path), fix="Resume it first.")
        with store.writer() as writer:
            since = _facts(self._ours, store.chain.after(self._ours.head))
            for rows in change_file.read(path, BadRows()):
                before = len(rows)
                rows = self._without(rows, touched(rows, since, self._ours), _MEANWHILE)
                self.count -= before - len(rows)
                writer.add(rows)
        return writer.published

    def _of_numbers(self, differences: pa.RecordBatch) -> pa.RecordBatch:
        classes = differences.column("classes")
        missing = pc.match_substring(classes, "A")
        columns = {"number": differences.column("number")}
        for name in ("carrier", "routing_number", "donor", "effective"):
            columns[name] = differences.column(f"their_{name}")
        # What was not compared stays as it is where the number stays where it is.
        kept = pc.invert(pc.match_substring_regex(classes, "[ABC]"))
        for name, compared in (("donor", self._covers.donors), ("effective", self._covers.times)):
            if not compared:
                columns[name] = pc.if_else(kept, differences.column(name), columns[name])
        release, port = (pa.scalar(operation, pa.uint8()) for operation in (Operation.RELEASE, Operation.PORT))
        operation = pc.if_else(missing, release, port)
        return changes.batch(operation=operation, **columns)

    def _without(self, rows: pa.RecordBatch, wrong: Mask, reason: str) -> pa.RecordBatch:
        """The rows but those; they are left alone for this reason."""
        if not wrong.any():
            return rows
        self.left_alone[reason] += int(wrong.sum())
        return rows.filter(pa.array(~wrong))


def touched(rows: pa.RecordBatch, later: Facts, ours: InForce) -> Mask:
    """Which corrections of `ours` would be in the way of later facts, or these in theirs."""
    first, last = (rows.column(name) for name in ("number", "last"))
    single = last.is_null().to_numpy(zero_copy_only=False)
    last = pc.coalesce(last, first).to_numpy()
    first = first.to_numpy()
    found: Mask = single & np.isin(first, later.entries.number)
    for begin, end in zip(later.ranges.first, later.ranges.last, strict=True):
        found |= ~single & (begin <= last) & (first <= end)
    codes = ours.catalogue.codes(rows.column("carrier"), rows.column("routing_number").fill_null(""))
    for rule in later.rules:
        # Of a route that is new here nobody knows whether a mass change would move it.
        moved = codes > ours.last_code
        moved |= single & (codes != 0) if rule.codes is None else rule.codes[codes] != codes
        found |= moved & (rule.first <= last) & (first <= rule.last)
    return found


def _as_file(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Changes that `Corrections` made, with the columns of a file of changes."""
    number, last = rows.column("number"), rows.column("last")
    single, nothing = last.is_null(), pa.scalar(None, pa.uint64())
    numbers = [pc.if_else(single, number, nothing), pc.if_else(single, nothing, number), last]
    labels = pa.array(["", *(operation.label for operation in Operation)]).take(rows.column("operation"))
    columns = [labels, *numbers, *(rows.column(name) for name in COLUMNS[4:])]
    return pa.RecordBatch.from_arrays(columns, list(COLUMNS))


def _facts(ours: InForce, deltas: Iterable[Delta]) -> Facts:
    """The facts of some deltas; StoreError for one that announces an import, which may have changed anything."""
    parts = [facts.none()]
    for following in deltas:
        if announced(following):
            raise StoreError(
                "the table was imported anew since the other side was written",
                where=f"{ours.store.path}, sequence {following.sequence}",
                fix="Reconcile with a newer dump.",
            )
        parts.append(facts.read(following.rows, parts[-1].end, ours.catalogue))
    return facts.join(parts)


def _made_after(moment: datetime, ours: InForce) -> Iterator[Delta]:
    """The deltas up to those that `ours` holds that were made after a moment, the last one first."""
    chain = ours.store.chain
    created = ours.head.created
    for sequence in reversed(chain.sequences()):
        if sequence <= ours.head.sequence:
            following = chain.read(sequence)
            created = following.header.created
            if created <= moment:
                return
            yield following
    if min(created, chain.base.created) > moment:
        raise StoreError(
            "the chain does not go back to when the other side was written", where=str(chain.path), got=str(moment)
        )


def _of_ranges(differences: pa.RecordBatch) -> pa.RecordBatch:
    nobody = differences.column("their_carrier").is_null()
    withdraw, assign = (pa.scalar(operation, pa.uint8()) for operation in (Operation.WITHDRAW, Operation.ASSIGN))
    return changes.batch(
        operation=pc.if_else(nobody, withdraw, assign),
        number=differences.column("number"),
        last=differences.column("last"),
        carrier=differences.column("their_carrier"),
        routing_number=differences.column("their_routing_number"),
    )
