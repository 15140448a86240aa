"""The outbox into the delta chain: every change exactly once, in order, whatever crashes on the way.

There are two places that commit, the database and the chain, and no transaction holds both. So the chain decides: a
change is published when its row is in the chain, known by its `order` (the reference) and its `version` (the id in
the outbox). One step of the publisher is

1. with the writer's lock held, look through the deltas that came since the last step, and note in the database which
   rows of the outbox are in them;
2. publish what still waits, one delta a time;
3. step 1 again.

A crash anywhere leaves rows that are in the chain and not noted, or not in the chain at all. Step 1 tells them
apart; there is no other recovery. A chain that has lost deltas that the database knows of (restored from an older
backup, say) is refused.

A Publisher is for one thread. Several processes may each have one: the writer's lock lets one at a time work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Row, insert, select, update

from portdip.errors import PublicationError
from portdip.exchange.chain import Chain
from portdip.exchange.changes import Operation, batch
from portdip.exchange.delta import ROWS_MAX
from portdip.exchange.publish import Writer
from portdip.porting.database import Database, Transaction
from portdip.porting.tables.outbox import OUTBOX, PUBLICATION

OpenWriter = Callable[[], AbstractContextManager[Writer]]

#: The column of the chain and where the outbox has it.
_COLUMNS = {
    "operation": "operation",
    "number": "number",
    "last": "last",
    "carrier": "carrier",
    "routing_number": "routing_number",
    "donor": "donor",
    "donor_routing_number": "donor_routing_number",
    "version": "id",
    "effective": "effective",
    "order": "reference",
    "text": "text",
}
_WAITING = [OUTBOX.c[name] for name in _COLUMNS.values()]


@dataclass(frozen=True, slots=True)
class Published:
    """What one step came to: rows of the outbox noted as published, and the sequence of the chain's last delta.

    `sequence` is None where there was nothing to do and the chain was not looked at.
    """

    count: int
    sequence: int | None


class Publisher:
    """Brings the outbox of `database` to the chain whose writer `open_writer` opens."""

    def __init__(self, database: Database, open_writer: OpenWriter) -> None:
        self._database = database
        self._open_writer = open_writer

    def step(self) -> Published:
        """Publish all that waits.

        Raises StoreLockedError while another process writes the chain, PublicationError where the chain is not the
        one that was published to, OSError where the disk is full: nothing is lost then, and the next step goes on.
        """
        with self._database.reading() as connection:
            if connection.execute(select(OUTBOX.c.id).where(OUTBOX.c.sequence.is_(None)).limit(1)).first() is None:
                return Published(0, None)
        with self._open_writer() as writer:
            chain = writer.chain
            count = self._note(chain)
            with self._database.reading() as connection:
                waiting = _waiting(connection)
            for rows in _deltas_of(waiting):
                writer.add(_as_changes(rows))
                writer.publish()
            count += self._note(chain)
            return Published(count, chain.head.sequence)

    def _note(self, chain: Chain) -> int:
        """Note which rows are in the deltas since the last one looked at; how many. For the holder of the lock."""
        count = 0
        while True:
            with self._database.transaction() as tx:
                at = _looked_through(tx, chain)
                if not chain.has(at + 1):
                    return count
                following = chain.read(at + 1)
                count += _note_delta(tx, following.sequence, following.digest, following.rows)


def _looked_through(tx: Transaction, chain: Chain) -> int:
    """The sequence up to which the chain has been looked through; PublicationError if it is another chain."""
    found = tx.connection.execute(select(PUBLICATION.c.sequence, PUBLICATION.c.digest)).first()
    head = chain.head
    if found is None:
        # The first look: what is in the chain already was not published from here.
        tx.connection.execute(insert(PUBLICATION).values(id=1, sequence=head.sequence, digest=head.digest))
        return head.sequence
    sequence, digest = int(found.sequence), str(found.digest)
    if sequence == head.sequence:
        there: str | None = head.digest
    elif chain.has(sequence):
        there = chain.read(sequence).digest
    else:
        there = chain.base.digest if chain.base.sequence == sequence else None
    if there != digest:
        raise PublicationError(
            "the chain is not the one that this database has published to",
            where=str(chain.path),
            expected=f"delta {sequence} with digest {digest}",
            got=there or f"a chain from {chain.base.sequence} to {head.sequence}",
            fix="Restore the chain and the database from backups of one time, or open the right store.",
        )
    return sequence


def _note_delta(tx: Transaction, sequence: int, digest: str, rows: pa.Table) -> int:
    """Note the rows of the outbox that are in this delta, and that it has been looked at."""
    order, version = (rows.column(name).to_pylist() for name in ("order", "version"))
    claimed = {key: reference for key, reference in zip(version, order, strict=True) if key and reference}
    noted = 0
    if claimed:
        waiting = tx.connection.execute(
            select(OUTBOX.c.id, OUTBOX.c.reference)
            .where(OUTBOX.c.sequence.is_(None), OUTBOX.c.id.between(min(claimed), max(claimed)))
            .order_by(OUTBOX.c.id)
        ).all()
        is_in = [(row.id, claimed.get(row.id) == row.reference) for row in waiting]
        # Rows side by side are noted in one statement: 20,000 orders due at one instant are one run.
        for there, run in groupby(is_in, key=lambda pair: pair[1]):
            if there:
                ids = [key for key, _ in run]
                noted += len(ids)
                tx.connection.execute(
                    update(OUTBOX)
                    .where(OUTBOX.c.sequence.is_(None), OUTBOX.c.id.between(ids[0], ids[-1]))
                    .values(sequence=sequence, published=tx.now)
                )
    tx.connection.execute(update(PUBLICATION).values(sequence=sequence, digest=digest))
    return noted


def _waiting(connection: Connection) -> Sequence[Row[Any]]:
    return connection.execute(select(*_WAITING).where(OUTBOX.c.sequence.is_(None)).order_by(OUTBOX.c.id)).all()


def _deltas_of(waiting: Sequence[Row[Any]]) -> Iterator[list[Row[Any]]]:
    """The rows, in groups that each become one delta, so that a row is in the chain whole or not at all.

    A port of a range becomes as many rows as it has numbers.
    """
    group: list[Row[Any]] = []
    size = 0
    for row in waiting:
        count = row.last - row.number + 1 if row.operation == Operation.PORT and row.last is not None else 1
        if group and size + count > ROWS_MAX:
            yield group
            group, size = [], 0
        group.append(row)
        size += count
    if group:
        yield group


def _as_changes(rows: list[Row[Any]]) -> pa.RecordBatch:
    columns = list(zip(*rows, strict=True))
    return batch(**dict(zip(_COLUMNS, columns, strict=True)))
