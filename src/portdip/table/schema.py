"""The Arrow schemas of a snapshot's files, and their names.

numbers.arrow, one row a ported number, sorted by number, in record batches of at most `BATCH_ROWS`: `route`
is a code of routes.arrow, `donor` a row of carriers.arrow counted from 1 (0: not known), `version` the
sequence of the snapshot that brought the row. ranges.arrow keeps the nesting as given; route 0 withdraws the
interval from the range around it. routes.arrow and carriers.arrow only ever grow, so a code means the same in
every snapshot of a store; what is retired stays, for numbers that still have it. pending.arrow holds the changes
accepted so far that take effect later.

All files are Arrow IPC files, uncompressed, so that they are mapped and read without a copy.
"""

from __future__ import annotations

import pyarrow as pa

from portdip.exchange.changes import CHANGES

NUMBERS = pa.schema(
    [
        pa.field("number", pa.uint64(), nullable=False),
        pa.field("route", pa.uint16(), nullable=False),
        pa.field("donor", pa.uint16(), nullable=False),
        pa.field("version", pa.uint64(), nullable=False),
        pa.field("effective", pa.timestamp("us", tz="UTC")),
    ]
)
RANGES = pa.schema(
    [
        pa.field("first", pa.uint64(), nullable=False),
        pa.field("last", pa.uint64(), nullable=False),
        pa.field("route", pa.uint16(), nullable=False),
    ]
)
ROUTES = pa.schema(
    [
        pa.field("code", pa.uint16(), nullable=False),
        pa.field("carrier", pa.string(), nullable=False),
        pa.field("routing_number", pa.string(), nullable=False),
        pa.field("reseller", pa.string()),
        pa.field("retired", pa.bool_(), nullable=False),
    ]
)
CARRIERS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("retired", pa.bool_(), nullable=False),
    ]
)
#: Changes of the chain up to the snapshot that answer later only, in the order of the chain; and where each came from.
PENDING = CHANGES.append(pa.field("sequence", pa.uint64(), nullable=False)).append(
    pa.field("row", pa.uint32(), nullable=False)
)

NUMBERS_FILE = "numbers.arrow"
RANGES_FILE = "ranges.arrow"
PENDING_FILE = "pending.arrow"
ROUTES_FILE = "routes.arrow"
CARRIERS_FILE = "carriers.arrow"
IMAGE_FILE = "index.image"
MANIFEST_FILE = "manifest.json"
#: The files of a snapshot that its manifest seals.
FILES = frozenset({NUMBERS_FILE, RANGES_FILE, PENDING_FILE, ROUTES_FILE, CARRIERS_FILE, IMAGE_FILE})

#: Most rows of one record batch of numbers.arrow.
BATCH_ROWS = 1_000_000
