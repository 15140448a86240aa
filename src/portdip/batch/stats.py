"""The porting matrix: how many numbers went from which carrier to which, day by day.

From the history: a number counts on the day on which another carrier began to serve it because of a change of this
number, as `portdip dip --at` tells; a port planned and outdone before its day never counts. `ported` numbers got an
entry of the recipient's, `returned` ones lost theirs and are the range holder's again. The donor is who served the
number before, or, where it had no entry then, the one that the change names. Days are those of `time_zone`. What an
import brought without a date, to a number of which something was known, counts on the day of the import; what was
always so as far as is known does not count, nor do mass changes and ranges that change hands.

Memory: that of the changes in the history, and a slice of the table.

>>> from tempfile import TemporaryDirectory
>>> from portdip.lookup.engine import open_engine
>>> from portdip.lookup.load import init_store
>>> with TemporaryDirectory() as place:
...     store = init_store(f"{place}/store", "example")
...     with store.writer() as writer:
...         writer.port("+8613800001234", "CUCC", donor="CMCC", effective=datetime(2026, 1, 2, tzinfo=UTC))
...     matrix = porting_matrix(store, open_engine(store.path).generation)
>>> [str(value) for value in matrix.to_pylist()[0].values()]
['2026-01-02', 'CMCC', 'CUCC', '1', '0']
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from portdip.batch.times import check_zone
from portdip.index import ENTRY
from portdip.lookup.generation import Generation
from portdip.lookup.instants import UNKNOWN, Instants, Said
from portdip.lookup.timeline import Timeline
from portdip.table.outstanding import microseconds
from portdip.table.store import Store

#: By day, donor and recipient, in order; null where nobody served the number before, or nobody does since.
MATRIX = pa.schema(
    [
        pa.field("day", pa.date32(), nullable=False),
        pa.field("donor", pa.string()),
        pa.field("recipient", pa.string()),
        pa.field("ported", pa.uint64(), nullable=False),
        pa.field("returned", pa.uint64(), nullable=False),
    ]
)

_KINDS = _PORTED, _RETURNED = 0, 1
#: Day since 1970, donor, recipient (places of carriers, UNKNOWN for nobody), and which of _KINDS.
_Cell = tuple[int, int, int, int]


def porting_matrix(
    store: Store,
    generation: Generation,
    *,
    since: date | None = None,
    until: date | None = None,
    time_zone: str = "UTC",
) -> pa.Table:
    """The matrix of the days from `since` to `until`, both of them in it; schema MATRIX.

    Until now, if `until` is not given: ports planned for later are not in it. Raises AnnotateError for a time zone that
    is none, and as `Timeline.of` does.
    """
    zone = ZoneInfo(check_zone(time_zone))
    begin = _midnight(since, zone) - 1 if since else -(1 << 62)
    end = _midnight(until + timedelta(days=1), zone) - 1 if until else microseconds(datetime.now(UTC))
    timeline = Timeline.of_changed(store, generation)
    counts: Counter[_Cell] = Counter()
    said = Said(store, generation, begin, end)
    for found in said.instants():
        if len(found):
            counts += _count(timeline, found, len(said.carriers) + 1, time_zone)
    ids = [*said.carriers.to_pylist(), None]
    cells = sorted({cell[:3] for cell in counts}, key=lambda cell: (cell[0], ids[cell[1]] or "", ids[cell[2]] or ""))
    columns = [
        pa.array([day for day, _, _ in cells], pa.int32()).cast(pa.date32()),
        pa.array([ids[donor] for _, donor, _ in cells], pa.string()),
        pa.array([ids[recipient] for _, _, recipient in cells], pa.string()),
        *(pa.array([counts[*cell, kind] for cell in cells], pa.uint64()) for kind in _KINDS),
    ]
    return pa.table(columns, schema=MATRIX)


def _midnight(day: date, zone: ZoneInfo) -> int:
    return microseconds(datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC))


def _count(timeline: Timeline, found: Instants, width: int, time_zone: str) -> Counter[_Cell]:
    """The moves among some instants, by cell; there are fewer carriers than `width`."""
    carriers = timeline.generation.labels.indices[:, 0].copy()
    carriers[0] = UNKNOWN
    old = timeline.match_many(found.number, found.moment - 1)
    old[~found.told] = timeline.range_codes(found.number[~found.told], found.moment[~found.told] - 1)
    new = timeline.match_many(found.number, found.moment)
    donor, recipient = carriers[old & (ENTRY - 1)], carriers[new & (ENTRY - 1)]
    donor = np.where((old < ENTRY) & (found.donor != UNKNOWN), found.donor, donor)
    moved = np.flatnonzero((old != new) & (donor != recipient) & ((old >= ENTRY) | (new >= ENTRY)))
    kind = np.where(new[moved] >= ENTRY, _PORTED, _RETURNED)
    columns = _days(found.moment[moved], time_zone), donor[moved], recipient[moved], kind
    # Four columns as one integer: sorting those is fast.
    day, donor, recipient, kind = (column.astype(np.int64) for column in columns)
    packed = ((day * width + donor + 1) * width + recipient + 1) * 2 + kind
    distinct, counts = np.unique(packed, return_counts=True)
    pairs, kind = np.divmod(distinct, 2)
    rest, recipient = np.divmod(pairs, width)
    day, donor = np.divmod(rest, width)
    cells = zip(day.tolist(), (donor - 1).tolist(), (recipient - 1).tolist(), kind.tolist(), strict=True)
    return Counter(dict(zip(cells, counts.tolist(), strict=True)))


def _days(moments: npt.NDArray[np.int64], time_zone: str) -> npt.NDArray[np.int32]:
    """The day of each moment, counted from 1970, where clocks show the time of the zone."""
    shown = pc.local_timestamp(pa.array(moments).cast(pa.timestamp("us", tz=time_zone)))
    found: npt.NDArray[np.int32] = shown.cast(pa.date32()).cast(pa.int32()).to_numpy()
    return found
