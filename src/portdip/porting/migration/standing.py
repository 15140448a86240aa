"""Who serves what before a step: the numbers with an entry of their own and the ranges, as columns.

The engine's table is not looked into from here. Whoever puts the layers together hands in a `Table`; it is read once,
into 12 bytes a number. Routes are codes of a `Routes`, 0 for nobody, which need not be the engine's own.

For one thread.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from portdip import intervals
from portdip.errors import UnknownRouteError
from portdip.exchange import rows
from portdip.route import ROUTES_MAX

Numbers = npt.NDArray[np.uint64]
Codes = npt.NDArray[np.uint16]
Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]

NOBODY = 0


class Table(Protocol):
    """What is served at the sequence `sequence` of the chain, by changes already in effect."""

    @property
    def sequence(self) -> int:
        """The last delta that it holds."""

    def ranges(self) -> Iterable[pa.RecordBatch]:
        """Ranges side by side, batches of `exchange.rows.RANGES`."""

    def numbers(self) -> Iterable[pa.RecordBatch]:
        """Numbers with an entry of their own in order, batches of `exchange.rows.NUMBERS`."""


class Route(NamedTuple):
    """A carrier's id and the routing number that reaches it."""

    carrier: str
    routing_number: str


class Routes:
    """Routes and their codes from 1; it only grows."""

    def __init__(self) -> None:
        self._routes: list[Route | None] = [None]
        self._codes: dict[Route, int] = {}

    def __getitem__(self, code: int) -> Route | None:
        return self._routes[code]

    def __len__(self) -> int:
        """One more than the highest code."""
        return len(self._routes)

    def code(self, carrier: str, routing_number: str) -> int:
        """The code of a route; UnknownRouteError where there are more routes than codes."""
        route = Route(carrier, routing_number.upper())
        if route not in self._codes:
            if len(self._routes) > ROUTES_MAX:
                raise UnknownRouteError("more routes than codes", expected=f"at most {ROUTES_MAX}")
            self._codes[route] = len(self._routes)
            self._routes.append(route)
        return self._codes[route]

    def codes(self, carriers: pa.Array, routing_numbers: pa.Array) -> Codes:
        """The codes of two columns side by side; 0 where there is no carrier."""
        carrier, routing_number = (column.dictionary_encode() for column in (carriers, routing_numbers))
        width = max(len(routing_number.dictionary), 1)
        high, low = (
            column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
            for column in (carrier, routing_number)
        )
        pairs, places = np.unique(np.where(high < 0, -1, high * width + np.maximum(low, 0)), return_inverse=True)
        names, texts = carrier.dictionary.to_pylist(), routing_number.dictionary.to_pylist() or [""]
        found = [
            NOBODY if pair < 0 else self.code(names[pair // width], texts[pair % width]) for pair in pairs.tolist()
        ]
        codes: Codes = np.array(found, dtype=np.uint16)[places]
        return codes

    def columns(self, codes: Codes) -> tuple[pa.Array, pa.Array]:
        """Carriers and routing numbers of codes; nulls for code 0."""
        carriers = pa.array([route.carrier if route else None for route in self._routes], pa.string())
        texts = pa.array([route.routing_number if route else None for route in self._routes], pa.string())
        places = pa.array(codes)
        return carriers.take(places), texts.take(places)


@dataclass(frozen=True, slots=True)
class Served:
    """Numbers in order, ranges side by side and in order, each with a code. Nothing changes them."""

    number: Numbers
    code: Codes
    first: Numbers
    last: Numbers
    range_code: Codes

    @classmethod
    def read(cls, numbers: Iterable[pa.RecordBatch], ranges: Iterable[pa.RecordBatch], routes: Routes) -> Self:
        """What batches of `rows.NUMBERS`, each number once, and of `rows.RANGES` say, in any order.

        Raises InvalidRangeError for ranges that cross.
        """
        number, code = [np.empty(0, np.uint64)], [np.empty(0, np.uint16)]
        for batch in numbers:
            number.append(batch.column("number").to_numpy())
            code.append(routes.codes(batch.column("carrier"), batch.column("routing_number")))
        everything, codes = np.concatenate(number), np.concatenate(code)
        if np.any(everything[1:] <= everything[:-1]):
            order = np.argsort(everything, kind="stable")
            everything, codes = everything[order], codes[order]
        bounds = [np.empty((0, 3), np.uint64)]
        for batch in ranges:
            held = routes.codes(batch.column("carrier"), batch.column("routing_number"))
            columns = [batch.column(name).to_numpy() for name in rows.RANGES.names[:2]]
            bounds.append(np.column_stack([*columns, held.astype(np.uint64)]))
        return cls(everything, codes, *intervals.flatten(np.concatenate(bounds)))

    def codes_of(self, numbers: Numbers) -> Codes:
        """The code of the own entry of each number, 0 for none."""
        return codes_at(self.number, self.number, self.code, numbers)

    def range_codes_of(self, numbers: Numbers) -> Codes:
        """The code of the range around each number, 0 for none."""
        return codes_at(self.first, self.last, self.range_code, numbers)

    def with_entries(self, number: Numbers, code: Codes) -> Served:
        """The same after some numbers, each once, got another entry, or none (code 0)."""
        kept = ~np.isin(self.number, number)
        given = code != NOBODY
        numbers = np.concatenate([self.number[kept], number[given]])
        order = np.argsort(numbers, kind="stable")
        codes = np.concatenate([self.code[kept], code[given]])[order]
        return Served(numbers[order], codes, self.first, self.last, self.range_code)

    def with_ranges(self, first: Numbers, last: Numbers, code: Codes) -> Served:
        """The same after some intervals, disjoint ones, got another holder, or none (code 0)."""
        begins, ends = np.concatenate([self.first, first]), np.concatenate([self.last, last])
        ordinals = np.repeat(np.array([1, 2], np.uint32), [len(self.first), len(first)])
        begin, end, codes, _ = intervals.latest(begins, ends, np.concatenate([self.range_code, code]), ordinals)
        held = codes != NOBODY
        return Served(self.number, self.code, begin[held], end[held], codes[held])


def codes_at(first: Numbers, last: Numbers, code: Codes, numbers: Numbers) -> Codes:
    """The code of the interval around each number, 0 where there is none; intervals are disjoint and in order."""
    place = np.searchsorted(first, numbers, side="right") - 1
    held = (place >= 0) & (numbers <= np.append(last, np.uint64(0))[place])
    return np.where(held, np.append(code, np.uint16(NOBODY))[place], np.uint16(NOBODY))


def split(first: Numbers, last: Numbers, at: Numbers) -> tuple[Numbers, Numbers]:
    """Disjoint intervals in order, cut so that none crosses an edge: a piece begins at each edge inside of one."""
    edges = np.unique(np.concatenate([first, last + np.uint64(1), at]))
    begins, ends = edges[:-1], edges[1:] - np.uint64(1)
    place = np.searchsorted(first, begins, side="right") - 1
    inside = (place >= 0) & (begins <= np.append(last, np.uint64(0))[place])
    return begins[inside], ends[inside]
