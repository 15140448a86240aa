"""A column of numbers in, a record batch of answers out."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from portdip.errors import UnknownRouteError
from portdip.index import LiveIndex
from portdip.lookup._answers import CODES, Answers
from portdip.lookup._digits import MISSING, NumberColumn
from portdip.route import Route, Status

if TYPE_CHECKING:
    from portdip.lookup.timeline import Timeline

#: Rows handled at a time; a multiple of 64, so that no two threads share a word of a bitmap.
_BLOCK = 16_384

STATUSES = pa.array([Status.PORTED, Status.NATIVE, Status.UNALLOCATED, Status.INVALID], pa.string())

#: What the status of an answer at a moment may be besides: the store does not know what was so then; it was no moment.
#: `Answers` numbers these doubts from 1.
STATUSES_AT = pa.array([*STATUSES.to_pylist(), "before-history", "invalid-time"], pa.string())
_NO_MOMENT = 2

#: Instead of a moment: none is given; what was given is none.
NO_TIME, INVALID_TIME = np.iinfo(np.int64).min, np.iinfo(np.int64).min + 1

#: Microseconds since 1970, UTC.
Moments = npt.NDArray[np.int64]

SCHEMA = pa.schema(
    [
        pa.field("carrier", pa.dictionary(pa.int32(), pa.string())),
        pa.field("routing_number", pa.dictionary(pa.int32(), pa.string())),
        pa.field("ported", pa.bool_()),
        pa.field("status", pa.dictionary(pa.int8(), pa.string())),
    ]
)


@dataclass(frozen=True, slots=True)
class Labels:
    """What route codes read as in a record batch.

    `carriers` (ids) and `routing_numbers` are Arrow string dictionaries; `indices`, int32 of shape (65536,
    2), holds for each route code its place in both, -1 where no route has the code.
    """

    carriers: pa.Array
    routing_numbers: pa.Array
    indices: npt.NDArray[np.int32]

    @classmethod
    def of(cls, routes: Mapping[int, Route]) -> Labels:
        """The labels of a table of routes."""
        carriers: dict[str, int] = {}
        routing_numbers: dict[str, int] = {}
        indices = np.full((CODES, 2), -1, dtype=np.int32)
        indices[0] = 0  # no route: the row is null, whatever its index
        for code, route in routes.items():
            indices[code] = (
                carriers.setdefault(route.carrier.id, len(carriers)),
                routing_numbers.setdefault(route.routing_number, len(routing_numbers)),
            )
        return cls(pa.array(carriers, pa.string()), pa.array(routing_numbers, pa.string()), indices)


def answer(index: LiveIndex, labels: Labels, numbers: pa.Array | pa.ChunkedArray, threads: int = 1) -> pa.RecordBatch:
    """A record batch of SCHEMA with one row for each of `numbers`, nulls for nulls.

    `numbers` is an Arrow array or chunked array of string, large_string, string_view or uint64; anything else
    raises TypeError. Raises UnknownRouteError when the index holds a route code that `labels` lacks.
    """
    column = NumberColumn(numbers)
    answers = Answers(column.rows, labels.indices)

    def fill(first: int, last: int) -> None:
        if not answers.fill(index, column, first, last):
            raise unknown_route()

    _share(column.rows, threads, fill)
    return _record_batch(column.rows, answers, labels)


def answer_at(
    timeline: Timeline, labels: Labels, numbers: pa.Array | pa.ChunkedArray, moments: Moments, threads: int = 1
) -> pa.RecordBatch:
    """As `answer`, of each number at its moment: microseconds since 1970, UTC, NO_TIME or INVALID_TIME.

    Where no time is given all four are null. Where it is none, or nothing is known of it, all but the status, one of
    STATUSES_AT.
    """
    column = NumberColumn(numbers)
    if len(moments) != column.rows:
        raise ValueError(f"{len(moments)} moments for {column.rows} numbers")
    answers = Answers(column.rows, labels.indices)

    def fill(first: int, last: int) -> None:
        block = np.empty(_BLOCK, dtype=np.uint64)
        unsure = np.empty(_BLOCK, dtype=np.uint8)
        for row in range(first, last, _BLOCK):
            count = min(_BLOCK, last - row)
            asked, doubts, when = block[:count], unsure[:count], moments[row : row + count]
            column.read(row, asked)
            timeless = when.min() <= INVALID_TIME
            if timeless:
                asked[when == NO_TIME] = MISSING
                when = np.where(when <= INVALID_TIME, timeline.since_any, when)
            matches = timeline.match_many(asked, when, doubts)
            if timeless:
                doubts[moments[row : row + count] == INVALID_TIME] = _NO_MOMENT
            if not answers.put(row, asked, matches, doubts):
                raise unknown_route()

    _share(column.rows, threads, fill)
    return _record_batch(column.rows, answers, labels, STATUSES_AT)


def range_holders(index: LiveIndex, labels: Labels, numbers: pa.Array | pa.ChunkedArray) -> pa.DictionaryArray:
    """The id of the carrier that holds the range around each of `numbers`, null where none does.

    Types and errors as those of `answer`.
    """
    column = NumberColumn(numbers)
    asked = np.empty(column.rows, dtype=np.uint64)
    column.read(0, asked)
    codes = index.range_codes(asked)
    places = labels.indices[codes, 0]
    if (places < 0).any():
        raise unknown_route()
    return pa.DictionaryArray.from_arrays(pa.array(places, pa.int32(), mask=codes == 0), labels.carriers)


def unknown_route(got: str = "") -> UnknownRouteError:
    """What to raise where the index holds a code without a route."""
    return UnknownRouteError(
        "the index names a route that the store does not have",
        got=got,
        fix="Run `portdip verify` on the store and import it anew.",
    )


def _share(rows: int, threads: int, fill: Any) -> None:
    """Call `fill(first, last)` for all rows, in as many pieces at once as there are threads."""
    if threads < 1:
        raise ValueError(f"threads must be at least 1, not {threads}")
    blocks = -(-rows // _BLOCK)
    size = -(-blocks // threads) * _BLOCK
    if size >= rows:
        fill(0, rows)
        return
    with ThreadPoolExecutor(threads) as pool:
        for piece in [pool.submit(fill, first, min(first + size, rows)) for first in range(0, rows, size)]:
            piece.result()


def _record_batch(rows: int, answers: Answers, labels: Labels, statuses: pa.Array = STATUSES) -> pa.RecordBatch:
    def dictionary(kind: pa.DataType, validity: pa.Buffer, indices: pa.Buffer, values: pa.Array) -> pa.Array:
        places = pa.Array.from_buffers(kind, rows, [validity, indices])
        # Every index was written from `labels`: checking them again would read all rows once more.
        return pa.DictionaryArray.from_arrays(places, values, safe=False)

    return pa.RecordBatch.from_arrays(
        [
            dictionary(pa.int32(), answers.known, answers.carrier, labels.carriers),
            dictionary(pa.int32(), answers.known, answers.routing_number, labels.routing_numbers),
            pa.Array.from_buffers(pa.bool_(), rows, [answers.certain, answers.ported]),
            dictionary(pa.int8(), answers.present, answers.status, statuses),
        ],
        schema=SCHEMA,
    )
