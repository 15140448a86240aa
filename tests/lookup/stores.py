"""A small store with every kind of number in it, and the numbers by kind: for the tests of lookup, batch and cli."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from portdip import index
from portdip.exchange import rows
from portdip.lookup.load import init_store
from portdip.table.store import Store

CARRIERS = {"CM": "China Mobile", "CT": "China Telecom", "CU": "China, Unicom", "ILEC": ""}

#: first, last, carrier (None: withdrawn from the range around it), routing number
RANGES = [
    (8613800000000, 8613809999999, "CM", ""),
    (8613800130000, 8613800139999, "CT", "D100"),
    (8613800139000, 8613800139999, None, ""),
    (12025550000, 12025559999, "ILEC", "12025550000"),
]
PORTED_AT = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)

#: number, carrier, routing number, donor, effective
NUMBERS = [
    (33612345678, "CU", "d2701", None, None),
    (8613800000001, "CU", "D002", "CM", PORTED_AT),
    (8613800130001, "CM", "", "CT", None),
]
PORTED = 8613800000001
PORTED_WITHOUT_ROUTING_NUMBER = 8613800130001
PORTED_OUTSIDE_RANGES = 33612345678
NATIVE = 8613800000002
NATIVE_OF_INNER_RANGE = 8613800130002
NATIVE_OF_NANP = 12025550123
WITHDRAWN = 8613800139005
UNALLOCATED = 85212345678
KINDS = [
    PORTED, PORTED_WITHOUT_ROUTING_NUMBER, PORTED_OUTSIDE_RANGES, NATIVE, NATIVE_OF_INNER_RANGE, NATIVE_OF_NANP,
    WITHDRAWN, UNALLOCATED,
]  # fmt: skip


def make_store(path: Path) -> Path:
    """A store at `path` with all of the above, sequence 1."""
    init_store(path, "test")
    with Store.open(path).draft(_no_repeats) as draft:
        for schema, table in ((rows.CARRIERS, CARRIERS.items()), (rows.RANGES, RANGES), (rows.NUMBERS, NUMBERS)):
            columns = [
                pa.array(values, field.type) for field, values in zip(schema, zip(*table, strict=True), strict=True)
            ]
            draft.add(pa.record_batch(columns, schema=schema))
        with index.Builder(draft.image, draft.ranges) as builder:
            for numbers, codes in draft.merge():
                builder.add(numbers, codes)
    return path


def _no_repeats(number: int, place: int, place_kept: int) -> None:
    raise AssertionError(f"{number} twice")
