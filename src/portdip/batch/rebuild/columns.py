"""Columns by the user's own names: which there are, and a batch of rules as an Arrow batch of them.

May be called from any thread.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from portdip.batch.rebuild.rules import Matches, Numbers
from portdip.batch.rebuild.wording import FIELDS
from portdip.errors import RebuildError
from portdip.index import ENTRY
from portdip.route import Route

TEXT = pa.dictionary(pa.int32(), pa.string())
KINDS = {"prefix": pa.string(), "ported": pa.bool_(), "operation": TEXT} | dict.fromkeys(FIELDS, TEXT)
OPERATIONS = pa.array(["set", "delete"])
_WHAT = ("prefix", *FIELDS, "ported")


def chosen(text: str) -> dict[str, str]:
    """What each column holds, by its name: from `what[:name],...`.

    >>> chosen("prefix:dst,carrier")
    {'dst': 'prefix', 'carrier': 'carrier'}

    Raises RebuildError for a column that there is not, for a name given twice, and where no column has the prefix.
    """
    pairs = [part.partition(":") for part in text.split(",")]
    columns = {name or what: what for what, _, name in pairs}
    unknown = sorted({what for what, _, _ in pairs} - set(_WHAT))
    if unknown or len(columns) != len(pairs) or "prefix" not in columns.values():
        raise RebuildError(
            "not columns that can be written",
            where="columns",
            expected=f"names out of {', '.join(_WHAT)}, the prefix among them, none twice",
            got=text,
        )
    return columns


class Batches:
    """Makes Arrow batches of `schema` of rules. For one thread."""

    def __init__(self, columns: Mapping[str, str], schema: pa.Schema, carriers: Mapping[str, str]) -> None:
        self._columns = columns
        self._schema = schema
        self._carriers = carriers
        self._labels: dict[str, tuple[npt.NDArray[np.int32], pa.Array]] = {}

    def know(self, routes: Mapping[int, Route]) -> None:
        """The routes that the rules to come may have."""
        for what in FIELDS:
            values: dict[str, int] = {}
            places = np.zeros(ENTRY, dtype=np.int32)
            for code, route in routes.items():
                text = {
                    "carrier": route.carrier.id,
                    "name": route.carrier.name,
                    "routing_number": route.routing_number,
                    "mapped": self._carriers.get(route.carrier.id, ""),
                }[what]
                places[code] = values.setdefault(text, len(values))
            self._labels[what] = places, pa.array(values, pa.string())

    def batch(self, prefix: Numbers, match: Matches, gone: bool = False) -> pa.RecordBatch:
        """Rules as a batch; of those that are `gone` nothing but the prefix."""
        code = match & np.uint32(ENTRY - 1)
        nobody = (code == 0) | gone
        made: dict[str, pa.Array] = {
            "prefix": pa.array(prefix).cast(pa.string()),
            "ported": pa.array(match >= ENTRY, mask=np.full(len(match), gone)),
            "operation": pa.DictionaryArray.from_arrays(np.full(len(match), int(gone), dtype=np.int32), OPERATIONS),
        }
        for what, (places, labels) in self._labels.items():
            made[what] = pa.DictionaryArray.from_arrays(pa.array(places[code], mask=nobody), labels)
        holds = {"operation": "operation", **self._columns}
        return pa.record_batch([made[holds[name]] for name in self._schema.names], schema=self._schema)
