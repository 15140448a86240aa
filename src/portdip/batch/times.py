"""The column of times beside the numbers: checked, and turned into moments.

A time without a zone says nothing of when it was, so such columns are refused unless the zone of the clocks that wrote
them is given. Their hour that comes twice when clocks go back is taken as the first of the two, and one left out when
they go forward as the moment of the change. Integers are refused: whether they count seconds or milliseconds, and
whether from 1970 in UTC, nobody can see.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from portdip.batch import columns
from portdip.errors import AnnotateError
from portdip.lookup.answers import INVALID_TIME, NO_TIME, Moments
from portdip.table.outstanding import microseconds

_MICROSECONDS = pa.timestamp("us")
_IN_UTC = pa.timestamp("us", tz="UTC")
#: ISO 8601 as call records have it: a date, 'T' or a space, a time, perhaps a zone.
_TIME = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?"
_ZONE = r"([Zz]|[+-]\d\d(:?\d\d)?)"
_BEYOND_MICROSECONDS = r"([.,]\d{6})\d+"
_DAY = 86_400_000_000
#: The first and last moments in text that Arrow and Python both read, whatever the zone: Arrow knows a year 0.
_FIRST, _LAST = (microseconds(moment.replace(tzinfo=UTC)) for moment in (datetime(1, 1, 2), datetime.max))


def check_zone(zone: str) -> str:
    """The name of a time zone; AnnotateError if there is none of this name."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise AnnotateError(
            f"no time zone {zone!r}", expected="a name of the IANA time zone database, such as Asia/Shanghai"
        ) from error
    return zone


def check(kind: pa.DataType, column: str, zone: str | None, source: object) -> None:
    """Raise AnnotateError unless moments can be read from columns of this type."""
    inner = kind.value_type if types.is_dictionary(kind) else kind
    has_zone = types.is_timestamp(inner) and (inner.tz is not None or zone)
    if columns.is_text(inner) or types.is_null(inner) or has_zone:
        return
    if types.is_timestamp(inner):
        raise _without_zone(column, str(kind), source)
    why = ", which does not say what it counts, and from when" if types.is_integer(inner) else ""
    raise AnnotateError(
        f"column {column!r} cannot hold times",
        where=str(source),
        expected="timestamps, or text such as 2026-01-02T03:04:05+08:00",
        got=f"{kind}{why}",
        fix="Turn the column into timestamps where its meaning is known.",
    )


def moments(times: pa.Array | pa.ChunkedArray, column: str, zone: str | None, source: object) -> Moments:
    """The moments of a column of a type that `check` let pass: microseconds since 1970, UTC.

    NO_TIME for null, INVALID_TIME for text that is no time. Raises AnnotateError for text without a zone where no
    `zone` is given.
    """
    if isinstance(times, pa.ChunkedArray):
        times = times.combine_chunks()
    times = columns.decoded(times)
    if types.is_null(times.type):  # what tools make of a column in which they saw no value
        return np.full(len(times), NO_TIME, dtype=np.int64)
    if columns.is_text(times.type):
        return _of_text(times.cast(pa.string()), column, zone, source)
    return _of_timestamps(times, zone)


def _of_timestamps(times: pa.Array, zone: str | None) -> Moments:
    """The moments of timestamps of any unit; what lies beyond the ends of time is at them."""
    counts = times.cast(pa.int64()).fill_null(0).to_numpy()
    unit = times.type.unit
    if unit == "ns":
        counts = counts // 1000  # downwards: a change at the next microsecond is still to come
    elif unit != "us":
        factor = {"s": 1_000_000, "ms": 1_000}[unit]
        limit = (np.iinfo(np.int64).max - factor) // factor
        counts = np.clip(counts, -limit, limit) * factor
    if times.type.tz is None:
        # Near the ends of 64 bits clocks of any zone would show a time at the other end.
        limit = np.iinfo(np.int64).max - 2 * _DAY
        counts = _in_utc(pa.array(np.clip(counts, -limit, limit), _MICROSECONDS), zone)
    found: Moments = np.maximum(counts, INVALID_TIME + 1)
    if times.null_count:
        found[times.is_null().to_numpy(zero_copy_only=False)] = NO_TIME
    return found


def _of_text(texts: pa.Array, column: str, zone: str | None, source: object) -> Moments:
    """The moments of texts, empty ones being null."""
    found: Moments = np.full(len(texts), INVALID_TIME, dtype=np.int64)
    found[pc.equal(texts, "").fill_null(True).to_numpy(zero_copy_only=False)] = NO_TIME
    zoned, bare = (pc.match_substring_regex(texts, f"{_TIME}{end}$").fill_null(False) for end in (_ZONE, ""))
    if zone is None and bare.true_count:
        raise _without_zone(column, repr(texts[bare.index(True).as_py()].as_py()), source)
    for chosen, kind in ((zoned, _IN_UTC), (bare, _MICROSECONDS)):
        if chosen.true_count:
            places = np.flatnonzero(chosen.to_numpy(zero_copy_only=False))
            found[places] = _read(texts.take(pa.array(places)), kind, zone)
    return found


def _read(texts: pa.Array, kind: pa.DataType, zone: str | None) -> Moments:
    texts = pc.replace_substring_regex(texts, _BEYOND_MICROSECONDS, r"\1")
    try:
        read = texts.cast(kind)
    except pa.ArrowInvalid:  # a month 13 somewhere, or letters that Arrow does not take: text by text
        read = pa.array([_read_one(text) for text in texts.to_pylist()], kind)
    counts = read.cast(pa.int64()).fill_null(INVALID_TIME).to_numpy()
    wrong = (counts < _FIRST) | (counts > _LAST)
    found = counts if kind.tz else _in_utc(pa.array(np.where(wrong, 0, counts), _MICROSECONDS), zone)
    return np.where(wrong, INVALID_TIME, found)


def _read_one(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.upper())
        return moment.astimezone(UTC) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        return None


def _in_utc(shown: pa.Array, zone: str | None) -> Moments:
    """The moments at which clocks of the zone show some times."""
    found: Moments = (
        pc.assume_timezone(shown, zone, ambiguous="earliest", nonexistent="latest").cast(pa.int64()).to_numpy()
    )
    return found


def _without_zone(column: str, got: str, source: object) -> AnnotateError:
    return AnnotateError(
        f"the times of column {column!r} have no zone",
        where=str(source),
        got=got,
        fix="Say which clocks wrote them, such as --time-zone Asia/Shanghai, in Python time_zone='Asia/Shanghai'.",
    )
