"""One change a row: the rows of a delta, and what each operation means.

| operation | number, last | carrier, routing_number | donor, donor_routing_number | text |
|---|---|---|---|---|
| port | a number | who serves it now | who served it, if known | |
| release | a number or range | | | |
| assign | a range | who holds it now | | |
| withdraw | a range | | | |
| mass-change | a range, or null for all numbers | the new route | the old one; null routing number: any | |
| carrier | | its id | | its name |
| retire-carrier | | its id | | |
| route | | the route | | |
| retire-route | | the route | | |
| trust-key | | | | public key, 64 hex digits; `effective` is when it expires, `order` its owner |
| revoke-key | | | | id of the key |
| snapshot | | | | digest of the snapshot that begins here |

`last` is null where a row is of one number. What people write may port a range of up to `PORT_RANGE_MAX` numbers; in
a delta there is a row for each. A null routing number is none, as is '', but for `donor_routing_number` of a mass
change. A port gives a number an entry of its own; a release takes it away, so
that the range holder serves the number again. Assign and withdraw say who holds the numbers of an interval from
now on, whatever ranges there were inside it; entries of ported numbers stay. A mass change moves every number that
the old route serves at that moment, ported or not, in one row. A route whose routing number changes is a mass
change too. A retired carrier or route answers no more questions of people ("which carriers are there?"); numbers
that still have it keep it. `snapshot` says that the table was imported whole: it is the snapshot of this sequence.

`effective` is the moment (UTC) from which the change answers, null for at once. Of several changes of one number
the one latest in the chain wins among those already effective, whatever the order in which they took effect.
`version` is the authority's own number for the change, `order` the reference of the porting order; neither is
looked at here. `portdip.exchange.change_rules` checks all this.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Self

import pyarrow as pa


class Operation(IntEnum):
    """What a change does. The value is what a delta holds, the label what people read and write."""

    PORT = 1
    RELEASE = 2
    ASSIGN = 3
    WITHDRAW = 4
    MASS_CHANGE = 5
    CARRIER = 6
    RETIRE_CARRIER = 7
    ROUTE = 8
    RETIRE_ROUTE = 9
    TRUST_KEY = 10
    REVOKE_KEY = 11
    SNAPSHOT = 12

    @property
    def label(self) -> str:
        """As it is written in files of changes.

        >>> Operation.MASS_CHANGE.label
        'mass-change'
        """
        return self.name.lower().replace("_", "-")

    @classmethod
    def of(cls, label: str) -> Self:
        """The operation with this label; KeyError if there is none."""
        return cls[label.replace("-", "_").upper()]


CHANGES = pa.schema(
    [
        pa.field("operation", pa.uint8(), nullable=False),
        pa.field("number", pa.uint64()),
        pa.field("last", pa.uint64()),
        pa.field("carrier", pa.string()),
        pa.field("routing_number", pa.string()),
        pa.field("donor", pa.string()),
        pa.field("donor_routing_number", pa.string()),
        pa.field("version", pa.uint64()),
        pa.field("effective", pa.timestamp("us", tz="UTC")),
        pa.field("order", pa.string()),
        pa.field("text", pa.string()),
    ]
)

#: The most numbers one port row may name: it becomes as many rows of one number in the delta.
PORT_RANGE_MAX = 10_000


def batch(**columns: object) -> pa.RecordBatch:
    """A record batch of CHANGES from the columns given (arrays or lists of one length), the others null.

    >>> batch(operation=[Operation.RELEASE], number=[8613800138000]).num_rows
    1
    """
    given = {
        name: values
        if isinstance(values, pa.Array) and values.type == CHANGES.field(name).type
        else pa.array(values, CHANGES.field(name).type)
        for name, values in columns.items()
    }
    count = len(given["operation"])
    return pa.record_batch(
        [given[field.name] if field.name in given else pa.nulls(count, field.type) for field in CHANGES],
        schema=CHANGES,
    )
