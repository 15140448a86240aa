"""Changes for tests: a batch with every operation in every shape, drawn ones, and deltas made of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from portdip import number
from portdip.exchange import delta
from portdip.exchange.chain import Head
from portdip.exchange.changes import CHANGES, Operation, batch
from portdip.exchange.delta import Delta, Header
from portdip.exchange.keys import SigningKey

MADE = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
PUBLIC = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"  # RFC 8032, 7.1, test 1

#: Every operation, with and without what it may have.
ROWS: list[dict[str, Any]] = [
    {"operation": Operation.CARRIER, "carrier": "CUCC", "text": "中国联通"},
    {"operation": Operation.CARRIER, "carrier": 'a "b", c', "text": "Comma, quote and space", "version": 2**64 - 1},
    {"operation": Operation.RETIRE_CARRIER, "carrier": "OLD"},
    {"operation": Operation.ROUTE, "carrier": "CUCC", "routing_number": "0B17"},
    {"operation": Operation.ROUTE, "carrier": "CUCC", "routing_number": ""},
    {"operation": Operation.RETIRE_ROUTE, "carrier": "CUCC", "routing_number": "0B18"},
    {"operation": Operation.PORT, "number": 8613800138000, "carrier": "CUCC", "routing_number": "0B17"},
    {
        "operation": Operation.PORT,
        "number": 10**15 - 1,
        "carrier": "CUCC",
        "donor": "CMCC",
        "donor_routing_number": "0C01",
        "version": 7,
        "effective": MADE,
        "order": "ORD-1",
    },
    {"operation": Operation.RELEASE, "number": 1},
    {"operation": Operation.RELEASE, "number": 8613800138000, "last": 8613800138999, "effective": MADE},
    {
        "operation": Operation.ASSIGN,
        "number": 8613800000000,
        "last": 8613809999999,
        "carrier": "CMCC",
        "routing_number": "0c01",
    },
    {"operation": Operation.WITHDRAW, "number": 8613810000000, "last": 8613819999999},
    {
        "operation": Operation.MASS_CHANGE,
        "carrier": "CUCC",
        "routing_number": "0B18",
        "donor": "CUCC",
        "donor_routing_number": "0B17",
    },
    {"operation": Operation.MASS_CHANGE, "carrier": "A", "donor": "B", "donor_routing_number": ""},
    {"operation": Operation.MASS_CHANGE, "number": 100, "last": 199, "carrier": "A", "donor": "B"},
    {
        "operation": Operation.TRUST_KEY,
        "text": PUBLIC,
        "order": "its owner",
        "effective": datetime(2030, 1, 1, tzinfo=UTC),
    },
    {"operation": Operation.REVOKE_KEY, "text": "21fe31dfa154a261"},
    {"operation": Operation.SNAPSHOT, "text": "ab" * 32},
]


def rows(*changes: dict[str, Any]) -> pa.RecordBatch:
    """Changes as columns."""
    return pa.RecordBatch.from_pylist(list(changes), schema=CHANGES)


EVERYTHING = rows(*ROWS)


def ports(count: int, first: int = 8613800000000, carrier: str = "CUCC") -> pa.RecordBatch:
    """As many ports, of numbers side by side."""
    numbers = np.arange(first, first + count, dtype=np.uint64)
    return batch(
        operation=np.full(count, Operation.PORT, np.uint8),
        number=numbers,
        carrier=[carrier] * count,
        routing_number=["0B17"] * count,
        order=[f"ORD-{number}" for number in numbers.tolist()],
    )


def encoded(
    changes: pa.RecordBatch = EVERYTHING,
    after: Head | None = None,
    key: SigningKey | None = None,
    created: datetime = MADE,
) -> bytes:
    """The delta with these changes that follows `after`, delta 1 of dataset "test" if not given."""
    head = after or Head.beginning("test")
    header = Header(head.dataset, head.sequence + 1, head.digest, len(changes), created, key.id if key else "")
    return delta.encode(header, changes, key)


def made(
    changes: pa.RecordBatch = EVERYTHING,
    after: Head | None = None,
    key: SigningKey | None = None,
    created: datetime = MADE,
) -> Delta:
    """The same, decoded."""
    return delta.decode(encoded(changes, after, key, created), "made")


_PRINTABLE = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])
_NUMBERS = st.integers(1, 15).flatmap(lambda digits: st.integers(10 ** (digits - 1), 10**digits - 1))
_CARRIERS = st.text(_PRINTABLE, min_size=1, max_size=64)
_ROUTING_NUMBERS = st.text("0123456789ABCDEFabcdef", max_size=16)
_MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC))
_MAY_BE = {
    "donor": st.none() | _CARRIERS,
    "order": st.none() | st.text(_PRINTABLE, max_size=100),
    "version": st.none() | st.integers(0, 2**64 - 1),
    "effective": st.none() | _MOMENTS,
}


@st.composite
def _ranges(draw: st.DrawFn, count_max: int = 10**15) -> dict[str, int]:
    first = draw(_NUMBERS)
    last = draw(st.integers(first, min(10 ** number.length(first), first + count_max) - 1))
    return {"number": first, "last": last}


def _row(operation: Operation, *parts: st.SearchStrategy[dict[str, Any]], **columns: st.SearchStrategy[Any]) -> Any:
    return st.tuples(*parts, st.fixed_dictionaries(columns)).map(
        lambda drawn: {"operation": operation} | {name: value for part in drawn for name, value in part.items()}
    )


_ROUTE = {"carrier": _CARRIERS, "routing_number": st.none() | _ROUTING_NUMBERS}
_WHEN = {name: _MAY_BE[name] for name in ("order", "version", "effective")}
_ONE = st.fixed_dictionaries({"number": _NUMBERS})

#: A row that keeps the rules of a delta, as a dictionary by column.
good_rows = st.one_of(
    _row(Operation.PORT, _ONE, **_ROUTE, **_WHEN, donor=_MAY_BE["donor"]),
    _row(Operation.RELEASE, _ONE | _ranges(), **_WHEN),
    _row(Operation.ASSIGN, _ranges(), **_ROUTE, **_WHEN),
    _row(Operation.WITHDRAW, _ranges(), **_WHEN),
    _row(
        Operation.MASS_CHANGE,
        st.just({}) | _ranges(),
        **_ROUTE,
        **_WHEN,
        donor=_CARRIERS,
        donor_routing_number=st.none() | _ROUTING_NUMBERS,
    ),
    _row(Operation.CARRIER, carrier=_CARRIERS, text=st.text(_PRINTABLE, min_size=1, max_size=200)),
    _row(Operation.RETIRE_CARRIER, carrier=_CARRIERS),
    _row(Operation.ROUTE, **_ROUTE),
    _row(Operation.RETIRE_ROUTE, **_ROUTE),
    _row(Operation.TRUST_KEY, text=st.binary(min_size=32, max_size=32).map(bytes.hex), effective=_MAY_BE["effective"]),
    _row(Operation.REVOKE_KEY, text=st.binary(min_size=8, max_size=8).map(bytes.hex)),
    _row(Operation.SNAPSHOT, text=st.binary(min_size=32, max_size=32).map(bytes.hex)),
)
