"""What a plan would do, step after step, without doing any of it.

Each phase is worked out over what the ones before it would leave. The report counts; `sink` gets every single
alteration, as batches of schema `DETAILS`. Two dry runs of one plan over one table have the same digest.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import pyarrow as pa

from portdip.porting.migration.alterations import Alterations
from portdip.porting.migration.plan import Plan
from portdip.porting.migration.standing import Codes, Mask, Numbers, Route, Routes, Served, Table
from portdip.porting.migration.steps import Work, phases

#: One alteration a row: `last` is null for a number's own entry, a null carrier nobody.
DETAILS = pa.schema(
    [
        pa.field("step", pa.uint16(), nullable=False),
        pa.field("phase", pa.string(), nullable=False),
        pa.field("first", pa.uint64(), nullable=False),
        pa.field("last", pa.uint64()),
        pa.field("carrier", pa.string()),
        pa.field("routing_number", pa.string()),
        pa.field("to_carrier", pa.string()),
        pa.field("to_routing_number", pa.string()),
        pa.field("held_back", pa.bool_(), nullable=False),
    ]
)

Sink = Callable[[pa.RecordBatch], None]


@dataclass(slots=True)
class PhaseReport:
    """What one phase would do.

    `numbers` counts entries of numbers by route before and after (None: nobody), `in_ranges` numbers of ranges in the
    same way; numbers in ranges are served by the range wherever they have no entry. `changes` is how many rows would
    be published, in `pieces` transactions; `held_back` the numbers left alone because they have an open order.
    """

    step: int
    kind: str
    label: str
    at: datetime | None
    numbers: Counter[tuple[Route | None, Route | None]] = field(default_factory=Counter)
    in_ranges: Counter[tuple[Route | None, Route | None]] = field(default_factory=Counter)
    changes: int = 0
    pieces: int = 0
    held_back: int = 0
    slots: int = 0
    faults: tuple[str, ...] = ()


@dataclass(slots=True)
class Report:
    """A dry run of the plan `name` over the table at `sequence`; `digest` is of all it would alter."""

    name: str
    sequence: int
    phases: list[PhaseReport]
    digest: str

    @property
    def faults(self) -> list[str]:
        """Why the plan must not be done as it is; none if it may."""
        return [f"step {phase.step + 1} ({phase.kind}): {fault}" for phase in self.phases for fault in phase.faults]


def dry_run(plan: Plan, table: Table, under_way: Numbers, sink: Sink = lambda batch: None) -> Report:
    """What `plan` would do to `table`; `under_way` are the numbers with an open order, in order.

    Raises MigrationError where another database cannot be read.
    """
    routes, digest, found = Routes(), hashlib.sha256(), []
    served = Served.read(table.numbers(), table.ranges(), routes)
    for position, step in enumerate(plan.step):
        for phase in phases(step):
            work = phase.work(served, routes)
            back = phase.held_back(work, under_way)
            report = PhaseReport(position, step.kind, phase.label, phase.at, faults=work.faults)
            _count(report, plan, work, back, routes)
            for batch in _details(position, phase.label, work.alterations, back, routes):
                digest.update(batch.serialize())
                sink(batch)
            served = work.alterations.where(~back).applied_to(served)
            found.append(report)
    return Report(plan.name, table.sequence, found, digest.hexdigest())


def _count(report: PhaseReport, plan: Plan, work: Work, back: Mask, routes: Routes) -> None:
    found = work.alterations.where(~back)
    ranges = found.of_range
    ones = np.ones(len(found), np.uint64)
    sizes = np.where(ranges, found.last - found.first + np.uint64(1), ones)
    for counter, mask in ((report.numbers, ~ranges), (report.in_ranges, ranges)):
        _add(counter, found.before[mask], found.after[mask], sizes[mask], routes)
    report.held_back = int(back.sum())
    report.changes = len(work.moves) if work.moves and len(found) else len(found)
    report.pieces = -(-report.changes // plan.piece)
    limit = plan.slots.numbers_max if plan.slots else None
    report.slots = -(-len(found) // limit) if limit and not work.moves else min(len(found), 1)


def _add(
    counter: Counter[tuple[Route | None, Route | None]], before: Codes, after: Codes, sizes: Numbers, routes: Routes
) -> None:
    pairs, places = np.unique(before.astype(np.uint32) << np.uint32(16) | after, return_inverse=True)
    sums = np.zeros(len(pairs), np.uint64)
    np.add.at(sums, places, sizes)
    for pair, count in zip(pairs.tolist(), sums.tolist(), strict=True):
        counter[routes[pair >> 16], routes[pair & 0xFFFF]] += count


def _details(step: int, label: str, found: Alterations, back: Mask, routes: Routes) -> list[pa.RecordBatch]:
    batches = []
    for begin in range(0, len(found), 1 << 16):
        chosen = slice(begin, begin + (1 << 16))
        part = found.where(chosen)
        columns = [pa.array(np.full(len(part), step, np.uint16)), pa.repeat(label, len(part)), pa.array(part.first)]
        columns += [pa.array(part.last, mask=~part.of_range), *routes.columns(part.before), *routes.columns(part.after)]
        batches.append(pa.record_batch([*columns, pa.array(back[chosen])], schema=DETAILS))
    return batches
