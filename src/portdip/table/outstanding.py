"""The changes that a snapshot does not hold yet: those it kept for later, and the deltas since.

Ordinals count from 1: first the rows the snapshot keeps pending, then every row of every delta in order. Deltas are
read one by one, so that routes get the same codes whoever reads the chain and however far it had read before.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from portdip.exchange.changes import CHANGES, Operation
from portdip.exchange.delta import Delta
from portdip.table import facts
from portdip.table.catalogue import Catalogue
from portdip.table.facts import Facts
from portdip.table.snapshot import Snapshot

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(moment: datetime) -> int:
    """The moment as facts have it."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def moment_of(count: int) -> datetime:
    """The moment that facts have as `count`; the earliest there is for `facts.AT_ONCE`.

    >>> moment_of(microseconds(datetime(2026, 1, 2, tzinfo=UTC)))
    datetime.datetime(2026, 1, 2, 0, 0, tzinfo=datetime.timezone.utc)
    """
    return _EPOCH + timedelta(microseconds=count) if count != facts.AT_ONCE else datetime.min.replace(tzinfo=UTC)


class Outstanding:
    """The changes since `base`, as far as they have been taken. For one thread."""

    def __init__(self, base: Snapshot) -> None:
        self.catalogue = Catalogue(base.carrier_table, base.route_table)
        self.sequence = base.manifest.sequence
        self._pending = base.pending
        self.facts = facts.read(self._pending.select(CHANGES.names), 1, self.catalogue)
        self._begins = [self.facts.end]
        self._sequences: list[int] = []

    def take(self, delta: Delta) -> Facts:
        """The facts of the next delta. Raises RoutesFullError, and has then taken nothing but route codes."""
        assert delta.sequence == self.sequence + 1
        found = facts.read(delta.rows, self._begins[-1], self.catalogue)
        self._begins.append(found.end)
        self._sequences.append(delta.sequence)
        self.sequence = delta.sequence
        return found

    def sequence_of(self) -> npt.NDArray[np.uint64]:
        """The sequence of each ordinal, from 0 on (which is none's)."""
        counts = np.diff(self._begins)
        chain = np.repeat(np.array(self._sequences, dtype=np.uint64), counts)
        pending = self._pending.column("sequence").to_numpy()
        return np.concatenate([np.zeros(1, dtype=np.uint64), pending, chain])


def is_about_many(delta: Delta, moment: int) -> bool:
    """Whether a row that is not of a single number takes effect after `moment` only.

    Such a row must stay a row of the chain until then: in a snapshot nobody could tell any more which numbers
    were changed before it and which after.
    """
    operation = delta.rows.column("operation").to_numpy()
    effective = delta.rows.column("effective").cast(pa.int64()).fill_null(facts.AT_ONCE).to_numpy()
    single = (operation <= Operation.RELEASE) & delta.rows.column("last").is_null().to_numpy()
    many = ~single & (operation <= Operation.MASS_CHANGE)  # the others have no effective time: a key has an end
    return bool((many & (effective > moment)).any())
