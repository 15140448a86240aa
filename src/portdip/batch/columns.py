"""The column to annotate and the columns to add: found, checked, and turned into what the engine reads."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Sequence

import pyarrow as pa
from pyarrow import types

from portdip.errors import AnnotateError, InvalidNumberError, MissingColumnError
from portdip.lookup.answers import SCHEMA
from portdip.number import parse_human


def find(names: Sequence[str], column: str, source: object, option: str = "--column") -> int:
    """The position of `column` among `names`; MissingColumnError says which there are, and names the `option`."""
    places = [place for place, name in enumerate(names) if name == column]
    if len(places) == 1:
        return places[0]
    if places:
        raise AnnotateError("two columns have this name", where=str(source), got=repr(column))
    near = difflib.get_close_matches(column, names, n=1, cutoff=0.5)
    raise MissingColumnError(
        f"no column {column!r}",
        where=str(source),
        got="the columns " + ", ".join(names),
        fix=f"Did you mean {option} {near[0]}?" if near else f"Name one of them with {option}.",
    )


def added(names: Sequence[str], prefix: str, source: object) -> list[pa.Field]:
    """The fields to add, their names after `prefix`; AnnotateError if the file has one of them already."""
    fields = [field.with_name(prefix + field.name) for field in SCHEMA]
    taken = [field.name for field in fields if field.name in names]
    if taken:
        raise AnnotateError(
            f"the file has a column {taken[0]!r} already",
            where=str(source),
            fix="Choose other names for the new columns, such as --prefix new_.",
        )
    return fields


def check(kind: pa.DataType, column: str, source: object) -> None:
    """Raise AnnotateError unless numbers can be read from columns of this type: text, whole numbers, or nothing."""
    inner = kind.value_type if types.is_dictionary(kind) else kind
    if is_text(inner) or types.is_integer(inner) or types.is_null(inner):
        return
    why = " because it holds no more than 15 or 16 digits and prints none of them reliably"
    raise AnnotateError(
        f"column {column!r} cannot hold phone numbers",
        where=str(source),
        expected="strings or integers",
        got=f"{kind}, refused{why}" if types.is_floating(inner) else str(kind),
        fix="Write the numbers as strings or as 64-bit integers.",
    )


def check_region(region: str) -> str:
    """The ISO 3166 code of a country; AnnotateError if there is none such with numbers."""
    import phonenumbers

    if region not in phonenumbers.SUPPORTED_REGIONS:
        raise AnnotateError("no country with this code", expected="an ISO 3166 code, such as CN", got=repr(region))
    return region


def readable(numbers: pa.Array, region: str | None = None) -> pa.Array:
    """The same numbers as an array that the engine reads, of a type that `check` let pass.

    With `region`, as people write them: with separators, and the country's own without its code. That is
    libphonenumber's work, some 30 microseconds for each different number.
    """
    numbers = decoded(numbers)
    if types.is_null(numbers.type):  # what tools make of a column in which they saw no value
        return numbers.cast(pa.string())
    if region is not None:
        different = numbers.cast(pa.string()).dictionary_encode()
        texts = different.dictionary.cast(pa.binary()).to_pylist()  # CSV may be of any encoding
        read = [_understood(text.decode("ascii", "replace"), region) for text in texts]
        return pa.array(read, pa.uint64()).take(different.indices)
    if is_text(numbers.type) or types.is_uint64(numbers.type):
        return numbers
    # A negative number becomes one far above 15 digits: as invalid as it was.
    return numbers.cast(pa.int64()).view(pa.uint64())


@functools.lru_cache(maxsize=1 << 16)
def _understood(text: str, region: str) -> int:
    """The number that a person means, 0 for none."""
    try:
        return parse_human(text, region)
    except InvalidNumberError:
        return 0


def is_text(kind: pa.DataType) -> bool:
    """Whether a type is one of Arrow's for text."""
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def decoded(column: pa.Array) -> pa.Array:
    """The same values without a dictionary."""
    if not types.is_dictionary(column.type):
        return column
    if types.is_string_view(column.type.value_type):  # which Arrow has no way to take from a dictionary
        column = pa.DictionaryArray.from_arrays(column.indices, column.dictionary.cast(pa.string()))
    return column.dictionary_decode()
