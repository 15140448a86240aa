"""Changes on their way to the delta chain: written with what decided them, published afterwards, in order.

A change is put here in the very transaction in which an order or a range changes its state, so the one is never
there without the other. `portdip.porting.publisher` brings what waits to the chain, in the order of the ids, which
is the order of the commits (`Transaction.append`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from portdip.errors import ChangeError
from portdip.exchange import change_rules
from portdip.exchange.changes import CHANGES, Operation, batch
from portdip.porting.database import Transaction
from portdip.porting.tables.outbox import OUTBOX

_COLUMNS = [name for name in CHANGES.names if name not in ("version", "order")]


@dataclass(frozen=True, slots=True)
class Change:
    """One change for the chain, its fields as in `portdip.exchange.changes`.

    `reference` becomes the chain's `order`. `order_id` is the order that is to become active when the change has
    arrived at all nodes, None where no order waits for it.
    """

    operation: Operation
    reference: str
    order_id: int | None = None
    number: int | None = None
    last: int | None = None
    carrier: str | None = None
    routing_number: str | None = None
    donor: str | None = None
    donor_routing_number: str | None = None
    text: str | None = None
    effective: datetime | None = None


_FIELDS = [field.name for field in fields(Change)]


def put(tx: Transaction, changes: Sequence[Change]) -> None:
    """Have these changes published, in this order, if the transaction commits.

    Raises ChangeError for one that the chain would not take: then none of them is put here.
    """
    if not changes:
        return
    columns: dict[str, list[Any]] = {name: [getattr(change, name) for change in changes] for name in _COLUMNS}
    found = change_rules.first_fault(batch(**columns, order=[change.reference for change in changes]), in_delta=False)
    if found:
        index, fault = found
        raise ChangeError("a change makes no sense", where=f"order {changes[index].reference}", got=fault)
    for change in changes:
        row = {name: getattr(change, name) for name in _FIELDS}
        tx.append(OUTBOX, {**row, "operation": int(change.operation), "written": tx.now})
