"""The carriers and routes of a store as they grow: ids and routing numbers to small integers that never
change.

An import looks up whole columns: each distinct value is met once in Python, the rows go through Arrow's
dictionary encoding. For one writer, in one thread.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from portdip.errors import RoutesFullError
from portdip.route import ROUTES_MAX
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

    def name(self, carriers: pa.RecordBatch) -> None:
        """Take the names in a batch of `rows.CARRIERS`; an empty name does not replace one that is there."""
        for carrier, name in zip(*(column.to_pylist() for column in carriers.columns), strict=True):
            self._row(carrier)
            self._names[carrier] = name or self._names[carrier]

    def donors(self, ids: pa.Array) -> Codes:
        """The row, counted from 1, of each carrier id, 0 for null; new ids get the next rows."""
        encoded = ids.dictionary_encode()
        rows = [self._row(carrier) for carrier in encoded.dictionary.to_pylist()]
        indices = encoded.indices.fill_null(len(rows))
        donors: Codes = np.array([*rows, 0], dtype=np.uint16)[indices.to_numpy()]
        return donors

    def codes(self, carriers: pa.Array, routing_numbers: pa.Array) -> Codes:
        """The code of each pair's route, 0 where the carrier is null; new pairs get the next codes.

        Raises RoutesFullError beyond 65,534 routes.
        """
        carrier = carriers.dictionary_encode(null_encoding="encode")
        routing = routing_numbers.dictionary_encode()
        width = max(len(routing.dictionary), 1)
        pair = carrier.indices.to_numpy().astype(np.int64) * width + routing.indices.to_numpy()
        pairs = pa.array(pair).dictionary_encode()
        names, digits = carrier.dictionary.to_pylist(), routing.dictionary.to_pylist()
        distinct = [self._code(names[value // width], digits[value % width]) for value in pairs.dictionary.to_pylist()]
        codes: Codes = np.array(distinct, dtype=np.uint16)[pairs.indices.to_numpy()]
        return codes

    def carrier_table(self) -> pa.Table:
        """All carriers, schema `schema.CARRIERS`."""
        return pa.table([list(self._names), list(self._names.values())], schema=schema.CARRIERS)

    def route_table(self) -> pa.Table:
        """All routes by code, schema `schema.ROUTES`."""
        rows = [
            {"code": code, "carrier": carrier, "routing_number": digits, "reseller": reseller}
            for (carrier, digits, reseller), code in self._routes.items()
        ]
        return pa.Table.from_pylist(rows, schema=schema.ROUTES)

    def _row(self, carrier: str) -> int:
        row = self._rows.get(carrier)
        if row is None:
            if len(self._rows) == CARRIERS_MAX:
                raise RoutesFullError("too many carriers", expected=f"at most {CARRIERS_MAX}", got=carrier, fix=_FIX)
            row = self._rows[carrier] = len(self._rows) + 1
            self._names[carrier] = ""
        return row

    def _code(self, carrier: str | None, routing_number: str) -> int:
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
        return code


_FIX = "Check that the routing number column is the right one, or split the numbers over several stores."
