"""Columns as files have them to columns as portdip wants them, whole columns at a time.

Each function takes one Arrow array and gives the converted array and a mask (numpy bool) of the rows that are
bad; what the array holds in bad rows means nothing. A column whose type can never be right raises FeedError
instead, `where` naming the file and column. Safe to call from any thread.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from portdip.errors import FeedError
from portdip.exchange.column_map import ColumnMap
from portdip.number import DIGITS_MAX, LIMIT

Bad = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.uint64]
Converted = tuple[pa.Array, Bad]

#: By number of digits: the smallest number that has so many.
_SMALLEST = np.array([0, *(10**digits for digits in range(DIGITS_MAX))], dtype=np.uint64)
# Scalars made once: pyarrow searches the disk for pandas each time it makes one.
_ZERO, _ONE, _LONGEST = pa.scalar(0), pa.scalar(1), pa.scalar(DIGITS_MAX)
_NO_TEXT, _NO_NUMBER = pa.scalar(None, pa.string()), pa.scalar("0")
_UTC_MICROSECONDS = pa.timestamp("us", tz="UTC")
_ROUTING_NUMBER = r"\A[0-9A-Fa-f]{0,16}\z"
_ISO_ZONE = r"(?:Z|[+-]\d\d:?\d\d|T.*[+-]\d\d)\z"
_EPOCH_UNITS = {"epoch-seconds": "s", "epoch-milliseconds": "ms"}


def numbers(column: pa.Array, form: ColumnMap, where: str) -> Converted:
    """Numbers as uint64, from digits in the form the map says, or from integers.

    Bad: anything but 1 to 15 digits with the first 1 to 9 once in international form.
    """
    if pa.types.is_integer(column.type) and form.country_code is None:
        values = column.cast(pa.uint64(), safe=False).fill_null(0)  # a negative one wraps round to far above LIMIT
        integers = values.to_numpy()
        return values, (integers == 0) | (integers >= LIMIT)
    digits = text(column, where)
    if form.country_code is not None:
        if form.trunk_prefix:
            without = pc.utf8_slice_codeunits(digits, start=len(form.trunk_prefix))
            digits = pc.if_else(pc.starts_with(digits, form.trunk_prefix), without, digits)
        good = pc.ascii_is_decimal(digits)
        digits = pc.binary_join_element_wise(form.country_code, digits, "")
    else:
        without = pc.ascii_ltrim(digits, "+")
        one_plus = pc.less_equal(pc.subtract(pc.binary_length(digits), pc.binary_length(without)), _ONE)
        digits = without
        good = pc.and_(one_plus, pc.ascii_is_decimal(digits))
    good = pc.and_(good, pc.less_equal(pc.binary_length(digits), _LONGEST)).fill_null(False)
    digits = pc.if_else(good, digits, _NO_NUMBER)
    values = digits.cast(pa.uint64())
    return values, values.to_numpy() < _SMALLEST[pc.binary_length(digits).to_numpy()]


def carriers(column: pa.Array, where: str) -> Converted:
    """Carrier ids as strings; an empty one becomes null. Never bad here: what null means is the caller's matter."""
    ids = text(column, where)
    return none_if_empty(ids), np.zeros(len(ids), dtype=bool)


def routing_numbers(column: pa.Array, where: str) -> Converted:
    """Routing numbers as strings, '' for null. Bad: not 0 to 16 digits or hex digits."""
    if pa.types.is_integer(column.type):
        raise FeedError(
            "routing numbers are integers, and have lost their leading zeros",
            where=where,
            expected="text",
            got=str(column.type),
            fix="Write the column as text.",
        )
    encoded = text(column, where).fill_null("").dictionary_encode()
    good = pc.match_substring_regex(encoded.dictionary, _ROUTING_NUMBER)
    return encoded.cast(pa.string()), ~good.to_numpy(zero_copy_only=False)[encoded.indices.to_numpy()]


def times(column: pa.Array, form: ColumnMap, where: str) -> Converted:
    """Moments as UTC microseconds; empty text and null become null. Times without a zone are taken as UTC."""
    unit = _EPOCH_UNITS.get(form.time)
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        moments = column.cast(pa.timestamp("us", tz=getattr(column.type, "tz", None)), safe=False)
        return moments.cast(_UTC_MICROSECONDS), np.zeros(len(column), dtype=bool)
    if pa.types.is_integer(column.type) and unit is None:
        raise FeedError(
            "times are integers",
            where=where,
            expected=f"text in the form {form.time}",
            got=str(column.type),
            fix="Say time = 'epoch-seconds' or 'epoch-milliseconds' in the column map.",
        )
    values = none_if_empty(text(column, where))
    if unit is not None:
        seconds, bad = cast(values, pa.int64())
        moments, too_far = cast(seconds.cast(pa.timestamp(unit, tz="UTC")), _UTC_MICROSECONDS)
        return moments, bad | too_far
    if form.time == "iso":
        return _iso_times(values)
    moments = pc.strptime(values, form.time, "us", error_is_null=True)
    bad = pc.and_(values.is_valid(), moments.is_null())
    return moments.cast(_UTC_MICROSECONDS), bad.to_numpy(zero_copy_only=False)


def are_intervals(first: Integers, last: Integers) -> Bad:
    """Which pairs are a closed interval of numbers of one length."""
    lengths = [np.searchsorted(_SMALLEST, bound, side="right") for bound in (first, last)]
    good: Bad = (first <= last) & (lengths[0] == lengths[1])
    return good


def text(column: pa.Array, where: str) -> pa.Array:
    """The column as strings; FeedError for one that is neither text nor integers."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_floating(kind):
        raise FeedError(
            "the column holds floating-point numbers, which lose digits",
            where=where,
            expected="text or integers",
            got=str(kind),
            fix="Write the column as text (in pandas: dtype='string').",
        )
    of_text = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
    if not (pa.types.is_integer(kind) or any(test(kind) for test in of_text)):
        raise FeedError("the column is neither text nor integers", where=where, got=str(kind))
    return column.cast(pa.string())


def _iso_times(values: pa.Array) -> Converted:
    """ISO 8601 dates and times; Arrow wants all of a column with a zone or all without."""
    for kind in (_UTC_MICROSECONDS, pa.timestamp("us")):
        try:
            return values.cast(kind).cast(_UTC_MICROSECONDS), np.zeros(len(values), dtype=bool)
        except pa.ArrowInvalid:
            continue
    dates = pc.equal(pc.binary_length(values), len("2024-01-31"))
    values = pc.if_else(dates, pc.binary_join_element_wise(values, "T00:00", ""), values)
    zoned = pc.match_substring_regex(values, _ISO_ZONE)
    return cast(pc.if_else(zoned, values, pc.binary_join_element_wise(values, "Z", "")), _UTC_MICROSECONDS)


def none_if_empty(values: pa.Array) -> pa.Array:
    """Texts, null where they are empty."""
    return pc.if_else(pc.equal(pc.binary_length(values), _ZERO), _NO_TEXT, values)


def cast(column: pa.Array, kind: pa.DataType) -> Converted:
    """Cast to the Arrow type `kind`, with rows that cannot be cast marked bad and null: they are found by halving."""
    try:
        return column.cast(kind), np.zeros(len(column), dtype=bool)
    except pa.ArrowInvalid:
        if len(column) == 1:
            return pa.nulls(1, kind), np.ones(1, dtype=bool)
    half = len(column) // 2
    (left, bad_left), (right, bad_right) = cast(column[:half], kind), cast(column[half:], kind)
    return pa.concat_arrays([left, right]), np.concatenate([bad_left, bad_right])
