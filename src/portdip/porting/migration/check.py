"""Whether what is served is what the migration meant, and whether who differs has changed since.

All pieces together say what every number and range they touched should be now, later pieces before earlier ones. A
difference that a later change of the outbox explains is no fault of the migration.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, func, select

from portdip import intervals
from portdip.exchange.changes import Operation
from portdip.porting.actor import Actor
from portdip.porting.database import Database
from portdip.porting.migration import ledger
from portdip.porting.migration.alterations import Alterations, joined
from portdip.porting.migration.runner import Sight
from portdip.porting.migration.standing import Route, Routes
from portdip.porting.migration.states import MigrationState
from portdip.porting.tables.outbox import OUTBOX


@dataclass(frozen=True, slots=True)
class Difference:
    """A number, or a range up to `last`, that is not as the migration left it (None: served by nobody).

    `changed_by` is the reference of the later change that explains it, '' where nothing does.
    """

    first: int
    last: int | None
    expected: Route | None
    found: Route | None
    changed_by: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """What a check came to: how many numbers and ranges were held against the table, and which differ."""

    compared: int
    differences: list[Difference]

    @property
    def unexplained(self) -> list[Difference]:
        """Those that nobody meant."""
        return [difference for difference in self.differences if not difference.changed_by]


def check(database: Database, name: str, actor: Actor, sight: Sight) -> Findings:
    """Hold what is served, seen at `sight`, against the pieces of a migration that are not undone.

    A migration that is done, and of which nothing differs unexplained, is `verified` then.
    """
    ledger.check_actor(actor)
    with database.reading() as connection:
        migration = ledger.get(connection, name)
        pieces = [piece for piece in ledger.pieces(connection, name) if piece.undone is None]
        parts = [ledger.alterations_of(connection, piece, sight.routes) for piece in pieces]
        expected = _in_the_end(parts).refined(sight.served)
        now = expected.codes_now(sight.served)
        since = pieces[0].after_change if pieces else 0
        found = [
            _explained(connection, name, since, _difference(expected, int(place), int(now[place]), sight.routes))
            for place in np.flatnonzero(now != expected.after)
        ]
    findings = Findings(len(expected), found)
    state = migration.state
    if state is MigrationState.DONE and not findings.unexplained:
        state = MigrationState.VERIFIED
    with database.transaction() as tx:
        if state is not migration.state:
            ledger.change(tx, migration, state=state)
        details = {"compared": len(expected), "differ": len(found), "unexplained": len(findings.unexplained)}
        tx.audit(actor, "migration check", migration.subject, migration.state, state, "", "", details)
    return findings


def _in_the_end(parts: list[Alterations]) -> Alterations:
    """Each number once, with what the last part made of it; ranges side by side in the same way."""
    everything = joined(parts)
    ranges = everything.of_range
    numbers = everything.where(~ranges)
    _, places = np.unique(numbers.first[::-1], return_index=True)
    numbers = numbers.where(len(numbers) - 1 - places)
    held = everything.where(ranges)
    first, last, after, _ = intervals.latest(
        held.first, held.last, held.after, np.arange(1, len(held) + 1, dtype=np.uint32)
    )
    nobody = np.zeros(len(first), np.uint16)
    return joined([numbers, Alterations.of_ranges(first, last, nobody, after)])


def _difference(expected: Alterations, place: int, now: int, routes: Routes) -> Difference:
    last = int(expected.last[place]) or None
    return Difference(int(expected.first[place]), last, routes[int(expected.after[place])], routes[now])


def _explained(connection: Connection, name: str, since: int, difference: Difference) -> Difference:
    """The difference with the reference of the last change of others that is of its numbers."""
    table = OUTBOX.c
    last = difference.last or difference.first
    meets = (table.number <= last) & (func.coalesce(table.last, table.number) >= difference.first)
    query = (
        select(table.reference)
        .where(table.id > since, table.operation <= Operation.MASS_CHANGE)
        .where(~table.reference.startswith(f"migration {name} ", autoescape=True))
        .where(table.number.is_(None) | meets)
        .order_by(table.id.desc())
        .limit(1)
    )
    reference = connection.execute(query).scalar()
    if reference is None:
        return difference
    return Difference(difference.first, difference.last, difference.expected, difference.found, str(reference))
