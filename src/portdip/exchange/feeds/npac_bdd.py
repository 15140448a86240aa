"""NPAC's Bulk Data Download files, the United States and Canada (`portdip.exchange.npac_layout` says what they are).

Which kind a file is, its records tell. Numbers get country code 1; a carrier's id is its SPID.

| kind | in a full load | in a delta |
|---|---|---|
| SV | a ported number, its routing number the LRN | port; reason delete: release |
| NPB | a range of 1,000 numbers, routed by the LRN | assign; reason delete: assign to the holder of the NPA-NXX |
| NPA-NXX | a range of 10,000 numbers | assign, withdraw; see below |
| SPID | the name of a carrier | carrier |
| LRN | checked only | route, retire-route |
| NPA-NXX-X | checked only: a block routes by its NPB | checked only |

Of several records of one number the highest version id counts, in whatever file or order they stand; of one version,
a delete counts before a modification, that before new, and then the file created last, as its name says. Full and
time-range files may therefore be loaded together.

A withdrawn block falls back to whoever holds the NPA-NXX around it. A delta cannot look that up, for it must mean
the same to every node, so give the NPA-NXX file in the same call; a block whose holder is in none is refused. Such
a file is a full one: its `new` records change nothing, unless its name has a time range. An assigned NPA-NXX takes
the place of the blocks inside it, so it comes before the blocks of the same call.

A modified SV or block answers at once: the record says when the version was activated, not when it was modified. So
do releases and returns.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from portdip.exchange import changes as change_rows
from portdip.exchange import rows as row_kinds
from portdip.exchange.changes import Operation
from portdip.exchange.feeds.options import Options
from portdip.exchange.npac_layout import DELETE, MODIFIED, NEW, Kind
from portdip.exchange.npac_records import Download, numbers_of_key

NEEDS_FILES = True

_NO_HOLDER = "no NPA-NXX file given says who holds the code that the withdrawn block returns to"


def rows(files: list[Path], options: Options) -> Iterator[pa.RecordBatch]:
    """The carriers, the ranges and then the numbers of the files.

    Raises FeedError for a file that is of no kind, holds no record or cannot be read.
    """
    download = Download(files, options.bad_rows)
    for carriers, names in download.carriers():
        yield pa.record_batch([carriers, names], schema=row_kinds.CARRIERS)
    for kind in (Kind.NPA_NXX, Kind.NPB):
        for records in download.latest(kind):
            held = records.filter(pc.not_equal(records.column("reason"), DELETE))
            columns = [held.column("number"), _last(held, kind), held.column("spid"), held.column("lrn")]
            yield pa.record_batch(columns, schema=row_kinds.RANGES)
    for records in download.latest(Kind.SV):
        ported = records.filter(pc.not_equal(records.column("reason"), DELETE))
        donor = pa.nulls(len(ported), pa.string())
        columns = [*(ported.column(name) for name in ("number", "spid", "lrn")), donor, ported.column("effective")]
        yield pa.record_batch([*columns, ported.column("place")], schema=row_kinds.PLACED_NUMBERS)
    download.check(Kind.LRN)
    download.check(Kind.NPA_NXX_X)


def changes(files: list[Path], options: Options) -> Iterator[pa.RecordBatch]:
    """What the time-range files say has changed, one change a number, block or code.

    Raises as `rows` does, and FeedError for a full file of SVs or blocks.
    """
    download = Download(files, options.bad_rows)
    download.refuse_full()
    for carriers, names in download.carriers():
        yield change_rows.batch(operation=[Operation.CARRIER] * len(carriers), carrier=carriers, text=names)
    retired = []
    for records in download.latest(Kind.LRN):
        gone = pc.equal(records.column("reason"), DELETE)
        yield _routes(records.filter(pc.invert(gone)), Operation.ROUTE)
        retired.append(_routes(records.filter(gone), Operation.RETIRE_ROUTE))
    holders: dict[int, str] = {}
    for records in download.latest(Kind.NPA_NXX):
        holders |= _holders(records)
        known = pc.and_(pc.equal(records.column("reason"), NEW), pa.array(~download.of_time_range(records)))
        yield _assigned(records.filter(pc.invert(known)), Kind.NPA_NXX)
    for records in download.latest(Kind.NPB):
        yield _assigned(_returned(records, holders, download), Kind.NPB)
    for records in download.latest(Kind.SV):
        yield _ported(records)
    download.check(Kind.NPA_NXX_X)
    yield from retired


def _last(records: pa.RecordBatch, kind: Kind) -> pa.Array:
    return pc.add(records.column("number"), pa.scalar(numbers_of_key(kind) - 1, pa.uint64()))


def _routes(records: pa.RecordBatch, operation: Operation) -> pa.RecordBatch:
    return change_rows.batch(
        operation=[operation] * len(records), carrier=records.column("spid"), routing_number=records.column("lrn")
    )


def _holders(records: pa.RecordBatch) -> dict[int, str]:
    """Who holds each NPA-NXX, by its first number."""
    held = records.filter(pc.not_equal(records.column("reason"), DELETE))
    return dict(zip(held.column("number").to_pylist(), held.column("spid").to_pylist(), strict=True))


def _returned(blocks: pa.RecordBatch, holders: dict[int, str], download: Download) -> pa.RecordBatch:
    """The blocks, deleted ones held by who holds the NPA-NXX, without LRN or time; those without a holder refused."""
    deleted = pc.equal(blocks.column("reason"), DELETE)
    if not pc.any(deleted).as_py():
        return blocks
    spids, kept = blocks.column("spid").to_pylist(), np.ones(len(blocks), dtype=bool)
    for row in np.flatnonzero(deleted.to_numpy(zero_copy_only=False)).tolist():
        number = blocks.column("number")[row].as_py()
        code = number - number % numbers_of_key(Kind.NPA_NXX)
        if code in holders:
            spids[row] = holders[code]
        else:
            kept[row] = False
            download.refuse(blocks.column("place")[row].as_py(), _NO_HOLDER)
    returned = {
        "spid": pa.array(spids, pa.string()),
        "lrn": blocks.column("lrn").fill_null(""),
        "reason": pc.if_else(deleted, pa.scalar(NEW, blocks.column("reason").type), blocks.column("reason")),
    }
    names = blocks.schema.names
    return pa.record_batch({name: returned.get(name, blocks.column(name)) for name in names}).filter(pa.array(kept))


def _assigned(records: pa.RecordBatch, kind: Kind) -> pa.RecordBatch:
    """Assign, or withdraw where the reason is delete."""
    deleted = pc.equal(records.column("reason"), DELETE)
    return change_rows.batch(
        operation=pc.if_else(deleted, Operation.WITHDRAW, Operation.ASSIGN).cast(pa.uint8()),
        number=records.column("number"),
        last=_last(records, kind),
        carrier=records.column("spid"),
        routing_number=records.column("lrn"),
        version=records.column("version"),
        effective=records.column("effective") if kind is Kind.NPA_NXX else _activation(records),
    )


def _ported(records: pa.RecordBatch) -> pa.RecordBatch:
    """Port, or release where the reason is delete."""
    deleted = pc.equal(records.column("reason"), DELETE)
    return change_rows.batch(
        operation=pc.if_else(deleted, Operation.RELEASE, Operation.PORT).cast(pa.uint8()),
        number=records.column("number"),
        carrier=records.column("spid"),
        routing_number=records.column("lrn"),
        version=records.column("version"),
        effective=_activation(records),
    )


def _activation(records: pa.RecordBatch) -> pa.Array:
    """When the records answer: at once where modified."""
    effective = records.column("effective")
    return pc.if_else(pc.equal(records.column("reason"), MODIFIED), pa.scalar(None, effective.type), effective)
