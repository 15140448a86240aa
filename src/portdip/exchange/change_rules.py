"""Which changes make no sense, and why: every operation has the columns it needs and no other, each well formed.

Two views of the same rules: `wrong` looks at whole columns and only says which rows, 50,000 of them in a few
milliseconds; `fault` and `reason` look at one row and say why. `first_fault` is both. Whether a change fits a table
(is there such a range? is the carrier known?) is not asked here: a delta must mean the same to every node.

Columns of operations are those of `portdip.exchange.changes`. Safe to call from any thread.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from portdip import number
from portdip.exchange import convert
from portdip.exchange.changes import CHANGES, PORT_RANGE_MAX, Operation

Mask = npt.NDArray[np.bool_]

#: What each operation needs, and what it may have besides. `version` and `order` may be anywhere.
_NEEDS = {
    Operation.PORT: "number carrier",
    Operation.RELEASE: "number",
    Operation.ASSIGN: "number last carrier",
    Operation.WITHDRAW: "number last",
    Operation.MASS_CHANGE: "carrier donor",
    Operation.CARRIER: "carrier text",
    Operation.RETIRE_CARRIER: "carrier",
    Operation.ROUTE: "carrier",
    Operation.RETIRE_ROUTE: "carrier",
    Operation.TRUST_KEY: "text",
    Operation.REVOKE_KEY: "text",
    Operation.SNAPSHOT: "text",
}
_MAY_HAVE = {
    Operation.PORT: "last routing_number donor donor_routing_number effective",
    Operation.RELEASE: "last effective",
    Operation.ASSIGN: "routing_number effective",
    Operation.WITHDRAW: "effective",
    Operation.MASS_CHANGE: "number last routing_number donor_routing_number effective",
    Operation.ROUTE: "routing_number",
    Operation.RETIRE_ROUTE: "routing_number",
    Operation.TRUST_KEY: "effective",
}
_ANYWHERE = "operation version order"
#: A column that makes no sense without another one.
_ONLY_WITH = {"last": "number", "donor_routing_number": "donor"}


class _Text:
    """A well-formed text: `alphabet` (as in a regular expression's brackets) and how many characters of it."""

    def __init__(self, alphabet: str, count_min: int, count_max: int, meaning: str) -> None:
        self.meaning = meaning
        self._pattern = f"[{alphabet}]{{{count_min},{count_max}}}"
        self._count_min, self._count_max = count_min, count_max
        # A byte that may be part of a wrong character counts as wrong here; whether it is, the pattern says.
        self._bytes = np.array([re.match(f"[{alphabet}]", chr(byte)) is not None for byte in range(256)])

    def fits(self, text: str) -> bool:
        """Whether one text is well formed."""
        return re.fullmatch(self._pattern, text) is not None

    def misfits(self, column: pa.Array) -> Mask:
        """Which texts of a string column, nulls apart, are not."""
        if self._all_fit(column):
            return np.zeros(len(column), dtype=bool)
        good = pc.match_substring_regex(column, rf"\A{self._pattern}\z")
        misfits: Mask = ~good.fill_null(True).to_numpy(zero_copy_only=False)
        return misfits

    def _all_fit(self, column: pa.Array) -> bool:
        """Whether all do, as far as bytes can tell, which is cheap: most columns end here."""
        counts = pc.min_max(pc.binary_length(column)).as_py()  # bytes: no fewer than characters
        if counts["min"] is None:
            return True
        _, offsets, content = column.buffers()
        first, last = np.frombuffer(offsets, np.int32)[[column.offset, column.offset + len(column)]].tolist()
        used = np.frombuffer(content, np.uint8)[first:last] if last > first else np.empty(0, np.uint8)
        return self._count_min <= counts["min"] and counts["max"] <= self._count_max and bool(self._bytes[used].all())


_PRINTABLE = r"^\x00-\x1f\x7f-\x9f"
_NAME = _Text(_PRINTABLE, 1, 64, "1 to 64 characters")
_ROUTING_NUMBER = _Text("0-9A-Fa-f", 0, 16, "up to 16 digits or hex digits")
_DIGEST = 64
_TEXT_OF_COLUMN = {
    "carrier": _NAME,
    "routing_number": _ROUTING_NUMBER,
    "donor": _NAME,
    "donor_routing_number": _ROUTING_NUMBER,
    "order": _Text(_PRINTABLE, 0, 100, "up to 100 characters"),
}
_TEXT_OF_OPERATION = {
    Operation.CARRIER: _Text(_PRINTABLE, 1, 200, "a name of 1 to 200 characters"),
    Operation.TRUST_KEY: _Text("0-9a-f", _DIGEST, _DIGEST, "a public key, 64 hex digits in lower case"),
    Operation.REVOKE_KEY: _Text("0-9a-f", 16, 16, "the id of a key, 16 hex digits in lower case"),
    Operation.SNAPSHOT: _Text("0-9a-f", _DIGEST, _DIGEST, "a digest, 64 hex digits in lower case"),
}
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
#: What Python, and with it every consumer, can still tell the time of.
_LATEST = datetime(9999, 12, 31, tzinfo=UTC)
_NO_TIME = "`effective` is not a time from 1970 to 9999"
_MICROSECONDS_MAX = int(_LATEST.timestamp()) * 1_000_000

_BIT = {name: 1 << position for position, name in enumerate(CHANGES.names)}


def _by_operation(columns: Mapping[Operation, str], others: int) -> npt.NDArray[np.uint16]:
    """The bits of the columns of each operation, and `others` for a value that is none."""
    bits = np.full(256, others, dtype=np.uint16)
    for operation, names in columns.items():
        bits[operation] = sum(_BIT[name] for name in names.split())
    return bits


_TAKES = {operation: f"{needs} {_MAY_HAVE.get(operation, '')} {_ANYWHERE}" for operation, needs in _NEEDS.items()}
_NEEDED_BITS = _by_operation(_NEEDS, others=1 << len(_BIT))  # a bit that no row has
_TAKEN_BITS = _by_operation(_TAKES, others=0)


def wrong(rows: pa.RecordBatch) -> Mask:
    """Which rows of a batch of CHANGES break a rule."""
    operation = _integers(rows.column("operation"))
    present = np.zeros(len(rows), dtype=np.uint16)
    used = {}
    for name, column in zip(rows.schema.names, rows.columns, strict=True):
        if column.null_count < len(rows):
            used[name] = column
            present |= _BIT[name] * _valid(column).astype(np.uint16)
    needed = _NEEDED_BITS[operation]
    found: Mask = (present & needed != needed) | (present & ~_TAKEN_BITS[operation] != 0)
    for name, other in _ONLY_WITH.items():
        if name in used:
            found |= (present & (_BIT[name] | _BIT[other])) == _BIT[name]
    found |= _wrong_numbers(operation, used)
    for name, text in _TEXT_OF_COLUMN.items():
        if name in used:
            found |= text.misfits(used[name])
    if "text" in used:
        for kind, text in _TEXT_OF_OPERATION.items():
            of_kind = operation == kind
            if of_kind.any():
                found[of_kind] |= text.misfits(used["text"].filter(pa.array(of_kind)))
    if "effective" in used:
        moments = _integers(used["effective"].cast(pa.int64()))
        found |= (moments < 0) | (moments > _MICROSECONDS_MAX)
    return found


def port_ranges(rows: pa.RecordBatch) -> Mask:
    """Which rows are ports of a range: good in what people write, in a delta there is a row for each number."""
    ports: Mask = (rows.column("operation").to_numpy() == Operation.PORT) & _valid(rows.column("last"))
    return ports


def first_fault(rows: pa.RecordBatch, *, in_delta: bool) -> tuple[int, str] | None:
    """Position and reason of the first row that breaks a rule, None if none does. A delta has no ports of ranges."""
    found = wrong(rows)
    if in_delta:
        found |= port_ranges(rows)
    if not found.any():
        return None
    index = int(found.argmax())
    return index, reason(rows, index) or "port of a range, which in a delta has a row for each number"


def reason(rows: pa.RecordBatch, index: int) -> str:
    """Why the row at `index` breaks a rule; '' if it breaks none."""
    try:
        (row,) = rows.slice(index, 1).to_pylist()
    except OverflowError:  # Python has no such time
        return _NO_TIME
    return fault(row)


def fault(row: Mapping[str, Any]) -> str:
    """Why one row, a value or None by column of CHANGES, breaks a rule; '' if it breaks none.

    >>> fault({"operation": Operation.RELEASE, "number": 8613800138000, "carrier": "CMCC"})
    'release takes no `carrier`'
    """
    try:
        operation = Operation(row["operation"])
    except ValueError:
        return f"there is no operation {row['operation']}"
    given = {name: value for name, value in row.items() if value is not None}
    for name in _NEEDS[operation].split():
        if name not in given:
            return f"{operation.label} needs {_spoken(name)}"
    for name in given:
        if name not in _TAKES[operation].split():
            return f"{operation.label} takes no {_spoken(name)}"
    for name, other in _ONLY_WITH.items():
        if name in given and other not in given:
            return f"{_spoken(name)} makes sense only with {_spoken(other)}"
    return _wrong_number(operation, given) or _wrong_value(operation, given)


def _spoken(name: str) -> str:
    return "`number` or `first`" if name == "number" else f"`{name}`"


def _wrong_number(operation: Operation, given: Mapping[str, Any]) -> str:
    for name in ("number", "last"):
        if name in given and not 1 <= given[name] < number.LIMIT:
            return f"{_spoken(name)} is not a number of 1 to 15 digits"
    if operation is Operation.MASS_CHANGE and "number" in given and "last" not in given:
        return "mass-change needs both ends of a range, or neither"
    if "last" not in given:
        return ""
    first, last = given["number"], given["last"]
    if last < first or number.length(first) != number.length(last):
        return "`last` is not a number as long as the first and not before it"
    if operation is Operation.PORT and last - first >= PORT_RANGE_MAX:
        return f"port takes a range of at most {PORT_RANGE_MAX:,} numbers"
    return ""


def _wrong_value(operation: Operation, given: Mapping[str, Any]) -> str:
    texts = _TEXT_OF_COLUMN | ({"text": _TEXT_OF_OPERATION[operation]} if operation in _TEXT_OF_OPERATION else {})
    for name, text in texts.items():
        if name in given and not text.fits(given[name]):
            return f"`{name}` is not {text.meaning}"
    if "effective" in given and not _EARLIEST <= given["effective"] <= _LATEST:
        return _NO_TIME
    return ""


def _wrong_numbers(operation: npt.NDArray[np.uint8], used: Mapping[str, pa.Array]) -> Mask:
    if "number" not in used:
        return np.zeros(len(operation), dtype=bool)
    first = _integers(used["number"])
    found: Mask = _valid(used["number"]) & (first < 1) | (first >= number.LIMIT)
    bounded = _valid(used["last"]) if "last" in used else np.zeros(len(operation), dtype=bool)
    found |= (operation == Operation.MASS_CHANGE) & _valid(used["number"]) & ~bounded
    if not bounded.any():
        return found
    first, last = first[bounded], used["last"].drop_null().to_numpy()
    interval = (last < number.LIMIT) & convert.are_intervals(first, last)
    wide = (operation[bounded] == Operation.PORT) & (last - first >= PORT_RANGE_MAX)
    found[bounded] |= ~interval | wide
    return found


def _integers(column: pa.Array) -> npt.NDArray[Any]:
    """The values, 0 where there is none."""
    integers: npt.NDArray[Any] = (column.fill_null(0) if column.null_count else column).to_numpy()
    return integers


def _valid(column: pa.Array) -> Mask:
    if column.null_count in (0, len(column)):
        return np.full(len(column), column.null_count == 0)
    valid: Mask = column.is_valid().to_numpy(zero_copy_only=False)
    return valid
