"""What a store serves, as the porting layer reads it, which does not know the engine's table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

import pyarrow as pa

from portdip.exchange import rows
from portdip.table.catalogue import Labels
from portdip.table.reconciling.in_force import InForce
from portdip.table.store import Store


class Served:
    """The table of `store` in force at `moment` (UTC); a `portdip.porting.migration.standing.Table`."""

    def __init__(self, store: Store, moment: datetime) -> None:
        self._in_force = InForce(store, moment)

    @property
    def sequence(self) -> int:
        """The last delta that it holds."""
        return self._in_force.head.sequence

    def ranges(self) -> Iterable[pa.RecordBatch]:
        """The ranges side by side."""
        return self._in_force.ranges()

    def numbers(self) -> Iterator[pa.RecordBatch]:
        """The numbers with an entry of their own, in order."""
        labels = Labels.of(self._in_force.catalogue)
        for batch in self._in_force.numbers():
            number, route, donor, _, effective = batch.columns
            columns = [number, labels.carriers.take(route), labels.routing_numbers.take(route)]
            yield pa.record_batch([*columns, labels.donors.take(donor), effective], schema=rows.NUMBERS)
