"""Going back to before a migration, piece by piece, the last one first.

Only what still is as the migration left it goes back: a number that was ported since belongs to its new carrier, and is
left alone and counted. A crash, or a stop, between two pieces is gone on from by calling it again. What was published
before the migration stays published; going back is more changes in the chain, not fewer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby

from portdip.errors import MigrationError
from portdip.porting import outbox
from portdip.porting.actor import Actor
from portdip.porting.database import Database
from portdip.porting.migration import ledger, records
from portdip.porting.migration.ledger import Migration, Piece
from portdip.porting.migration.runner import Runner, Sight, changed_meanwhile, changes_of
from portdip.porting.migration.states import MigrationState
from portdip.porting.migration.steps import Phase, phases


@dataclass(frozen=True, slots=True)
class Undone:
    """Numbers and ranges that went back, and those left alone because they have changed since."""

    migration: Migration
    restored: int
    left_alone: int


class Undoing:
    """Undoes migrations of `runner`'s numbers; for one thread."""

    def __init__(self, database: Database, runner: Runner, publish: Callable[[], object]) -> None:
        self._database = database
        self._runner = runner
        self._publish = publish

    def undo(self, name: str, actor: Actor, cause: str, stop: Callable[[], bool] = lambda: False) -> Undone:
        """Undo a migration, or go on undoing it, until it is undone or `stop` says so between two pieces.

        Raises MigrationError where it is undone already.
        """
        ledger.check_actor(actor)
        migration = self._begin(name, actor, cause)
        restored = left_alone = 0
        with self._database.reading() as connection:
            pieces = [piece for piece in reversed(ledger.pieces(connection, name)) if piece.undone is None]
        for (step, phase), group in groupby(pieces, key=lambda piece: (piece.step, piece.phase)):
            sight = self._runner.look()  # what the phase before this one has left
            for piece in group:
                if stop():
                    return Undone(migration, restored, left_alone)
                migration, piece_counts = self._undo_piece(
                    migration, piece, phases(migration.plan.step[step])[phase], sight, actor
                )
                restored, left_alone = restored + piece_counts[0], left_alone + piece_counts[1]
                self._publish()
        with self._database.transaction() as tx:
            migration = ledger.change(tx, migration, state=MigrationState.UNDONE)
            counts = {"restored": restored, "left_alone": left_alone}
            before = MigrationState.UNDOING
            tx.audit(actor, "migration undone", migration.subject, before, migration.state, cause, "", counts)
        return Undone(migration, restored, left_alone)

    def _begin(self, name: str, actor: Actor, cause: str) -> Migration:
        with self._database.transaction() as tx:
            migration = ledger.get(tx.connection, name)
            if migration.state is MigrationState.UNDONE:
                raise MigrationError("the migration is undone already", got=name)
            if migration.state is MigrationState.UNDOING:
                return migration
            after = ledger.change(tx, migration, state=MigrationState.UNDOING)
            tx.audit(actor, "migration undo", migration.subject, migration.state, after.state, cause, "", None)
        return after

    def _undo_piece(
        self, migration: Migration, piece: Piece, phase: Phase, sight: Sight, actor: Actor
    ) -> tuple[Migration, tuple[int, int]]:
        """Undo one piece in one transaction; how many alterations went back, and how many did not."""
        routes = sight.routes
        with self._database.transaction() as tx:
            altered = ledger.alterations_of(tx.connection, piece, routes).refined(sight.served)
            as_left = altered.codes_now(sight.served) == altered.after
            still = altered.where(as_left)
            ledger.keep_others_waiting(tx, still)
            back = still.where(~changed_meanwhile(tx, migration, sight, still)).reversed()
            migration = ledger.change(tx, migration)
            ledger.mark_undone(tx, piece)
            reference = f"{migration.subject} undo {piece.step + 1}.{piece.phase + 1}.{piece.ordinal + 1}"
            outbox.put(tx, changes_of(back, routes, reference))
            records.follow(tx, back, routes, phase.renumbered)
            details = {"reference": reference, "alterations": len(back)}
            tx.audit(actor, "migrate back", migration.subject, migration.state, migration.state, "", "", details)
        return migration, (len(back), len(altered) - len(back))
