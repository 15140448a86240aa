"""The carriers and routes of a store as they grow: ids and routing numbers to small integers that never
change.

An import looks up whole columns: each distinct value is met once in Python, the rows go through Arrow's
dictionary encoding. For one writer, in one thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from portdip.errors import RoutesFullError
from portdip.route import ROUTES_MAX, Carrier, Route
from portdip.table import schema

Codes = npt.NDArray[np.uint16]

#: `donor` is 16-bit with 0 for "not known".
CARRIERS_MAX = 65_535


class Catalogue:
    """Carriers and routes, begun from the tables of a snapshot (or empty ones)."""

    def __init__(self, carriers: pa.Table, routes: pa.Table) -> None:
        self._names = dict(zip(carriers.column("id").to_pylist(), carriers.column("name").to_pylist(), strict=True))
        self._rows = {carrier: row for row, carrier in enumerate(self._names, start=1)}
        self._routes = {
            (row["carrier"], row["routing_number"], row["reseller"]): row["code"] for row in routes.to_pylist()
        }
        #: Goes up with every route or carrier that is new or has another name.
        self.edition = 0
        self._retired_carriers = {row["id"] for row in carriers.to_pylist() if row["retired"]}
        self._retired_routes = {row["code"] for row in routes.to_pylist() if row["retired"]}

    @classmethod
    def empty(cls) -> Self:
        """No carriers and no routes."""
        return cls(schema.CARRIERS.empty_table(), schema.ROUTES.empty_table())

    @property
    def carriers(self) -> list[Carrier]:
        """The carriers, in the order of their rows."""
        return [Carrier(carrier, name) for carrier, name in self._names.items()]

    def routes(self) -> dict[int, Route]:
        """Route by code, as they are now."""
        carriers = {carrier: Carrier(carrier, name) for carrier, name in self._names.items()}
        return {
            code: Route(code, carriers[carrier], digits, carriers[reseller] if reseller is not None else None)
            for (carrier, digits, reseller), code in self._routes.items()
        }

    def code(self, carrier: str | None, routing_number: str) -> int:
        """The code of one route, a new one if need be, 0 where there is no carrier.

        Raises RoutesFullError beyond 65,534 routes.
        """
        if carrier is None:
            return 0
        self._row(carrier)
        route = (carrier, routing_number, None)
        code = self._routes.get(route)
        if code is None:
            if len(self._routes) == ROUTES_MAX:
                raise RoutesFullError(
                    "too many routes",
                    expected=f"at most {ROUTES_MAX} pairs of carrier and routing number",
                    got=f"one more: carrier {carrier}, routing number {routing_number or 'none'}",
                    fix=_FIX,
                )
            code = self._routes[route] = len(self._routes) + 1
            self.edition += 1
        return code

    def name_route(self, carrier: str, routing_number: str) -> None:
        """Take a route, perhaps a new one, that is there for people to ask about."""
        self._retired_routes.discard(self.code(carrier, routing_number))
        self._retired_carriers.discard(carrier)

    def codes_of(self, carrier: str, routing_number: str | None) -> list[int]:
        """The codes of a carrier's routes so far; of the one with this routing number, unless it is None."""
        return [
            code
            for (owner, digits, _), code in self._routes.items()
            if owner == carrier and routing_number in (None, digits)
        ]

    def rename(self, carrier: str, name: str) -> None:
        """Say what a carrier, perhaps a new one, is called."""
        self._row(carrier)
        self._names[carrier] = name
        self.edition += 1
        self._retired_carriers.discard(carrier)

    def retire_carrier(self, carrier: str) -> None:
        """Mark a carrier as gone; numbers that still have it keep it."""
        self._row(carrier)
        self._retired_carriers.add(carrier)

    def retire_route(self, carrier: str, routing_number: str) -> None:
        """Mark a route as gone; numbers that still have it keep it."""
        self._retired_routes.update(self.codes_of(carrier, routing_number))

    def name(self, carriers: pa.RecordBatch) -> None:
        """Take the names in a batch of `rows.CARRIERS`; an empty name does not replace one that is there."""
        for carrier, name in zip(*(column.to_pylist() for column in carriers.columns), strict=True):
            self._row(carrier)
            self._names[carrier] = name or self._names[carrier]

    def donors(self, ids: pa.Array) -> Codes:
        """The row, counted from 1, of each carrier id, 0 for null; new ids get the next rows."""
        if ids.null_count == len(ids):
            return np.zeros(len(ids), dtype=np.uint16)
        encoded = ids.dictionary_encode(null_encoding="encode")
        rows = [0 if carrier is None else self._row(carrier) for carrier in encoded.dictionary.to_pylist()]
        donors: Codes = np.array(rows, dtype=np.uint16)[encoded.indices.to_numpy()]
        return donors

    def codes(self, carriers: pa.Array, routing_numbers: pa.Array) -> Codes:
        """The code of each pair's route, 0 where the carrier is null; new pairs get the next codes.

        A null routing number is none. Raises RoutesFullError beyond 65,534 routes.
        """
        if carriers.null_count == len(carriers):
            return np.zeros(len(carriers), dtype=np.uint16)
        carrier = carriers.dictionary_encode(null_encoding="encode")
        routing = routing_numbers.dictionary_encode(null_encoding="encode")
        width = len(routing.dictionary)
        pair = carrier.indices.to_numpy().astype(np.int64) * width + routing.indices.to_numpy()
        pairs = pa.array(pair).dictionary_encode()
        names, digits = carrier.dictionary.to_pylist(), routing.dictionary.to_pylist()
        codes = [self.code(names[each // width], digits[each % width] or "") for each in pairs.dictionary.to_pylist()]
        found: Codes = np.array(codes, dtype=np.uint16)[pairs.indices.to_numpy()]
        return found

    def carrier_table(self) -> pa.Table:
        """All carriers, schema `schema.CARRIERS`."""
        retired = [carrier in self._retired_carriers for carrier in self._names]
        return pa.table([list(self._names), list(self._names.values()), retired], schema=schema.CARRIERS)

    def route_table(self) -> pa.Table:
        """All routes by code, schema `schema.ROUTES`."""
        rows = [
            {
                "code": code,
                "carrier": carrier,
                "routing_number": digits,
                "reseller": reseller,
                "retired": code in self._retired_routes,
            }
            for (carrier, digits, reseller), code in self._routes.items()
        ]
        return pa.Table.from_pylist(rows, schema=schema.ROUTES)

    def _row(self, carrier: str) -> int:
        row = self._rows.get(carrier)
        if row is None:
            if len(self._rows) == CARRIERS_MAX:
                raise RoutesFullError("too many carriers", expected=f"at most {CARRIERS_MAX}", got=carrier, fix=_FIX)
            row = self._rows[carrier] = len(self._rows) + 1
            self.edition += 1
            self._names[carrier] = ""
        return row


@dataclass(frozen=True, slots=True)
class Labels:
    """The texts behind the codes of a table: carrier and routing number by route code, carrier by donor code."""

    carriers: pa.Array
    routing_numbers: pa.Array
    donors: pa.Array

    @classmethod
    def of(cls, catalogue: Catalogue) -> Labels:
        """The texts as they are now."""
        routes = catalogue.route_table()  # by code, from 1, none left out
        donors = [None, *(carrier.id for carrier in catalogue.carriers)]
        return cls(
            pa.array([None, *routes.column("carrier").to_pylist()], pa.string()),
            pa.array([None, *routes.column("routing_number").to_pylist()], pa.string()),
            pa.array(donors, pa.string()),
        )


_FIX = "Check that the routing number column is the right one, or split the numbers over several stores."
