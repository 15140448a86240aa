"""Doing a migration, a piece at a time, and going on where it stopped.

A piece is one transaction: the image from before, the changes into the outbox, our own records and the audit row are
there together or not at all. The publisher brings the changes to the chain, as it does those of orders. What is left of
a phase is worked out anew from what is served, so nothing has to be remembered but where the migration is; a phase ends
when nothing is left of it.

Between reading the table and writing a piece, orders go on. Their changes wait in the outbox behind the last one that
the table has, and numbers in them are left to the next pass over the table.

A Runner is for one thread; two that run one migration stop each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any

import numpy as np
from sqlalchemy import func, select

from portdip.errors import MigrationError
from portdip.exchange.changes import Operation
from portdip.number import LIMIT
from portdip.porting import outbox
from portdip.porting.actor import Actor
from portdip.porting.database import Database, Transaction
from portdip.porting.migration import ledger, records
from portdip.porting.migration.alterations import Alterations
from portdip.porting.migration.dry_run import Report, Sink, dry_run
from portdip.porting.migration.ledger import Migration
from portdip.porting.migration.plan import Plan
from portdip.porting.migration.standing import NOBODY, Mask, Numbers, Routes, Served, Table
from portdip.porting.migration.states import MigrationState
from portdip.porting.migration.steps import Phase, Work, phases
from portdip.porting.tables.outbox import OUTBOX

ReadTable = Callable[[], Table]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run came: numbers and ranges it altered, and why it ended if the migration is not done.

    `waits_until` is when to run it again: the next slot, or the time of the next step. `held_back` numbers are all that
    is left of a phase: they have an open order.
    """

    migration: Migration
    altered: int
    waits_until: datetime | None = None
    held_back: int = 0


class _Ended(Enum):
    """Why a pass over a phase came to its end."""

    NOTHING_LEFT = auto()
    ALL_DONE = auto()
    HELD_BACK = auto()
    SLOT_OVER = auto()
    STOPPED = auto()


@dataclass(slots=True)
class Sight:
    """What was served when the outbox held the changes up to `last_change`, all of them published."""

    served: Served
    routes: Routes
    last_change: int
    under_way: Numbers

    def with_ports(self, late: Sequence[Any]) -> Served:
        """What is served after changes of single numbers: ports, and releases, which have no carrier."""
        last = {
            row.number: self.routes.code(row.carrier, row.routing_number or "") if row.carrier else NOBODY
            for row in late
        }
        return self.served.with_entries(np.array(list(last), np.uint64), np.array(list(last.values()), np.uint16))


class Runner:
    """Migrates the numbers of `database`.

    `publish` brings the outbox to the chain (`Publisher.step`); `read_table` gives what is served at the chain's head.
    """

    def __init__(self, database: Database, publish: Callable[[], object], read_table: ReadTable) -> None:
        self._database = database
        self._publish = publish
        self._read_table = read_table

    def dry_run(self, plan: Plan, sink: Sink = lambda batch: None) -> Report:
        """What the plan would do, every alteration to `sink`; nothing is changed but that the outbox is published."""
        self._publish()
        with self._database.reading() as connection:
            under_way = ledger.numbers_under_way(connection)
        return dry_run(plan, self._read_table(), under_way, sink)

    def begin(self, plan: Plan, actor: Actor, *, expected: str | None = None) -> Migration:
        """Keep a migration of this plan, for `run`.

        Raises MigrationError where the plan has faults, or where its dry run now has another digest than `expected`.
        """
        ledger.check_actor(actor)
        report = self.dry_run(plan)
        if report.faults:
            raise MigrationError("the plan must not be done as it is", where=plan.name, got="; ".join(report.faults))
        if expected not in (None, report.digest):
            raise MigrationError(
                "the dry run comes to something else now",
                where=plan.name,
                expected=f"digest {expected}",
                got=report.digest,
                fix="Look at a new dry run.",
            )
        with self._database.transaction() as tx:
            migration = ledger.open_new(tx, plan)
            details = {"digest": report.digest, "sequence": report.sequence}
            tx.audit(actor, "migration begin", migration.subject, "", migration.state, plan.reason, "", details)
        return migration

    def run(self, name: str, actor: Actor, stop: Callable[[], bool] = lambda: False) -> Progress:
        """Do what may be done now: until the migration is done, has to wait, or `stop` says so between two pieces.

        Raises MigrationError where it is done, or being undone, or faults have come up since it began.
        """
        ledger.check_actor(actor)
        with self._database.reading() as connection:
            migration = ledger.get(connection, name)
        if migration.state is not MigrationState.RUNNING:
            raise MigrationError("the migration does not run", got=migration.state, expected=MigrationState.RUNNING)
        altered = 0
        while migration.step < len(migration.plan.step):
            phase = phases(migration.plan.step[migration.step])[migration.phase]
            waits_until = self._waits_until(migration, phase)
            if waits_until is not None:
                return Progress(migration, altered, waits_until)
            one_pass = _Pass(self._database, self._publish, migration, phase, actor, self.look(), stop)
            ended = one_pass.go()
            migration, altered = one_pass.migration, altered + one_pass.altered
            if ended is _Ended.NOTHING_LEFT:
                migration = self._next_phase(migration, actor)
            elif ended is _Ended.HELD_BACK:
                return Progress(migration, altered, held_back=one_pass.held_back)
            elif ended is _Ended.STOPPED:
                return Progress(migration, altered)
        return Progress(migration, altered)

    def look(self) -> Sight:
        """What is served now, with every change that was decided before."""
        with self._database.transaction() as tx:
            ledger.keep_others_waiting(tx)
            last = last_change(tx)
            under_way = ledger.numbers_under_way(tx.connection)
        self._publish()
        table, routes = self._read_table(), Routes()
        return Sight(Served.read(table.numbers(), table.ranges(), routes), routes, last, under_way)

    def _waits_until(self, migration: Migration, phase: Phase) -> datetime | None:
        """When the phase may go on, None if it may now."""
        now, slots = self._database.now(), migration.plan.slots
        if phase.at is not None and now < phase.at:
            return phase.at
        if slots is None:
            return None
        slot = slots.slot_of(now)
        full = slots.numbers_max is not None and migration.slot_numbers >= slots.numbers_max
        if slot is None or (full and slot[0] == migration.slot):
            return slots.next_begin(now)
        return None

    def _next_phase(self, migration: Migration, actor: Actor) -> Migration:
        step, phase = migration.step, migration.phase + 1
        if phase == len(phases(migration.plan.step[step])):
            step, phase = step + 1, 0
        state = MigrationState.DONE if step == len(migration.plan.step) else migration.state
        with self._database.transaction() as tx:
            after = ledger.change(tx, migration, step=step, phase=phase, state=state)
            cause = f"nothing is left of step {migration.step + 1}.{migration.phase + 1}"
            tx.audit(actor, "migration phase done", migration.subject, migration.state, state, cause)
        return after


class _Pass:
    """One look over what is left of a phase, and the pieces that come of it."""

    def __init__(
        self,
        database: Database,
        publish: Callable[[], object],
        migration: Migration,
        phase: Phase,
        actor: Actor,
        sight: Sight,
        stop: Callable[[], bool],
    ) -> None:
        self.migration = migration
        self.altered = 0
        self.held_back = 0
        self._database = database
        self._publish = publish
        self._phase = phase
        self._actor = actor
        self._sight = sight
        self._stop = stop

    def go(self) -> _Ended:
        """Do the pieces, as many as may be done now."""
        work = self._phase.work(self._sight.served, self._sight.routes)
        if work.faults:
            raise MigrationError(
                "the migration cannot go on",
                where=f"{self.migration.name}, step {self.migration.step + 1}",
                got="; ".join(work.faults),
                fix="Undo it, or remove the cause and run it again.",
            )
        back = self._phase.held_back(work, self._sight.under_way)
        rest = work.alterations.where(~back)
        self.held_back = int(back.sum())
        if not len(rest):
            return _Ended.HELD_BACK if self.held_back else _Ended.NOTHING_LEFT
        if work.moves:
            return self._mass_change(work)
        done = 0
        while done < len(rest):
            if self._stop():
                return _Ended.STOPPED
            count = self._piece(rest, done, work if done == 0 else None)
            if count == 0:
                return _Ended.SLOT_OVER
            self._publish()
            done += count
        return _Ended.ALL_DONE

    def _piece(self, rest: Alterations, done: int, naming: Work | None) -> int:
        """Put the next piece, from `done` on, into the database; how many it has, 0 where the slot has no room."""
        with self._database.transaction() as tx:
            room = self._room(tx)
            if room == 0:
                return 0
            chosen = rest.where(slice(done, done + min(room, self.migration.plan.piece)))
            ledger.keep_others_waiting(tx, chosen)
            under_way = ledger.numbers_under_way(tx.connection, chosen.extent)
            later = changed_meanwhile(tx, self.migration, self._sight, chosen)
            taken = chosen.where(~(later | self._phase.held_back(Work(chosen), under_way)))
            ordinal = self._begin_piece(tx, taken)
            reference = _reference(self.migration, ordinal)
            names = naming.names.items() if naming else ()
            named = [outbox.Change(Operation.CARRIER, reference, carrier=key, text=name) for key, name in names]
            outbox.put(tx, named + changes_of(taken, self._sight.routes, reference))
            records.follow(tx, taken, self._sight.routes, self._phase.renumbered)
            self._audit(tx, reference, len(taken))
        return len(chosen)

    def _mass_change(self, work: Work) -> _Ended:
        """All of a phase in one transaction, for the chain says it in a few rows."""
        with self._database.transaction() as tx:
            if self._room(tx) == 0:
                return _Ended.SLOT_OVER
            ledger.keep_others_waiting(tx, work.alterations)
            late = others_since(tx, self.migration, self._sight)
            if any(row.number is None or row.last is not None for row in late):
                return _Ended.ALL_DONE  # to look again
            if late:  # it moves those, too, so its image has to have them
                work = self._phase.work(self._sight.with_ports(late), self._sight.routes)
            ordinal = self._begin_piece(tx, work.alterations)
            reference = _reference(self.migration, ordinal)
            outbox.put(tx, moves_of(work, reference))
            for move in work.moves:
                records.follow_move(tx, move)
            records.follow(tx, work.alterations.where(work.alterations.of_range), self._sight.routes)
            self._audit(tx, reference, len(work.alterations))
        self._publish()
        return _Ended.ALL_DONE

    def _room(self, tx: Transaction) -> int:
        """How many numbers this moment's slot has room for."""
        slots = self.migration.plan.slots
        if slots is None:
            return self.migration.plan.piece
        slot = slots.slot_of(tx.now)
        if slot is None:
            return 0
        if slot[0] != self.migration.slot:
            self.migration = ledger.change(tx, self.migration, slot=slot[0], slot_numbers=0)
        if slots.numbers_max is None:
            return self.migration.plan.piece
        return max(slots.numbers_max - self.migration.slot_numbers, 0)

    def _begin_piece(self, tx: Transaction, found: Alterations) -> int:
        """Note the piece, or of a mass change as many as it would be; its ordinal, the first one's."""
        numbers = self.migration.slot_numbers + len(found)
        self.migration = ledger.change(tx, self.migration, slot_numbers=numbers)
        self.altered += len(found)
        ordinal, last = ledger.next_ordinal(tx, self.migration), last_change(tx)
        for offset, part in enumerate(found.pieces(self.migration.plan.piece)):
            ledger.add_piece(tx, self.migration, part, self._sight.routes, ordinal + offset, last)
        return ordinal

    def _audit(self, tx: Transaction, reference: str, count: int) -> None:
        state = self.migration.state
        details = {"reference": reference, "alterations": count}
        tx.audit(self._actor, "migrate", self.migration.subject, state, state, self.migration.plan.reason, "", details)


def others_since(tx: Transaction, migration: Migration, sight: Sight) -> Sequence[Any]:
    """The changes of others since the look: number, last, carrier, routing number; a null number is of all numbers."""
    table = OUTBOX.c
    query = (
        select(table.number, table.last, table.carrier, table.routing_number)
        .where(table.id > sight.last_change, table.operation <= Operation.MASS_CHANGE)
        .where(~table.reference.startswith(f"{migration.subject} ", autoescape=True))
        .order_by(table.id)
    )
    return tx.connection.execute(query).all()


def changed_meanwhile(tx: Transaction, migration: Migration, sight: Sight, found: Alterations) -> Mask:
    """Which alterations are of numbers that others have changed since the look."""
    changed = np.zeros(len(found), dtype=bool)
    ends = np.maximum(found.first, found.last)
    for row in others_since(tx, migration, sight):
        begin, end = np.uint64(row.number or 1), np.uint64(row.last or row.number or LIMIT)
        changed |= (found.first <= end) & (ends >= begin)
    return changed


def last_change(tx: Transaction) -> int:
    """The highest id of the outbox, 0 if it is empty."""
    found = tx.connection.execute(select(func.max(OUTBOX.c.id))).scalar()
    return 0 if found is None else int(found)


def changes_of(found: Alterations, routes: Routes, reference: str) -> list[outbox.Change]:
    """Alterations as changes for the outbox, one each."""
    changes = []
    for row in found.changes(routes, reference).to_pylist():
        del row["order"], row["version"]
        changes.append(outbox.Change(**row | {"operation": Operation(row["operation"]), "reference": reference}))
    return changes


def moves_of(work: Work, reference: str) -> list[outbox.Change]:
    """The moves of a phase as mass changes for the outbox."""
    return [
        outbox.Change(
            Operation.MASS_CHANGE,
            reference,
            number=move.first,
            last=move.last,
            carrier=move.into,
            routing_number=move.new,
            donor=move.carrier,
            donor_routing_number=move.old,
        )
        for move in work.moves
    ]


def _reference(migration: Migration, ordinal: int) -> str:
    return f"{migration.subject} {migration.step + 1}.{migration.phase + 1}.{ordinal + 1}"
