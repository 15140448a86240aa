"""The Arrow schemas of a snapshot's files, and their names.

numbers.arrow, one row a ported number, sorted by number, in record batches of at most `BATCH_ROWS`: `route`
is a code of routes.arrow, `donor` a row of carriers.arrow counted from 1 (0: not known), `version` the
sequence of the snapshot that brought the row. ranges.arrow keeps the nesting as given; route 0 withdraws the
interval from the range around it. routes.arrow and carriers.arrow only ever grow, so a code means the same in
every snapshot of a store.

All files are Arrow IPC files, uncompressed, so that they are mapped and read without a copy.
"""

from __future__ import annotations

import pyarrow as pa

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
    ]
)
CARRIERS = pa.schema([pa.field("id", pa.string(), nullable=False), pa.field("name", pa.string(), nullable=False)])

NUMBERS_FILE = "numbers.arrow"
RANGES_FILE = "ranges.arrow"
ROUTES_FILE = "routes.arrow"
CARRIERS_FILE = "carriers.arrow"
IMAGE_FILE = "index.image"
MANIFEST_FILE = "manifest.json"

#: Most rows of one record batch of numbers.arrow.
BATCH_ROWS = 1_000_000
