"""How many calls numbers get: from a traffic file, or one each. Immutable; for any number of threads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from portdip.batch.rebuild import rules
from portdip.batch.rebuild.rules import Floats, Numbers
from portdip.errors import RebuildError
from portdip.number import DIGITS_MAX, LIMIT

_NONE = np.empty(0, dtype=np.float64)


@dataclass(frozen=True)
class Calls:
    """Calls by position: `before` each edge so many, and `density` for each position from it to the next.

    Without edges, each number has one.
    """

    edge: Numbers
    before: Floats
    density: Floats

    @classmethod
    def one_each(cls) -> Self:
        """One for each number."""
        return cls(np.empty(0, dtype=np.uint64), _NONE, _NONE)

    @classmethod
    def of(cls, prefix: Numbers, weight: Floats) -> Self:
        """So many for each prefix, spread evenly over what begins with it; those of one number add up."""
        width = rules.spread(prefix)
        begin = rules.leftmost(prefix)
        share = weight / width
        edges = np.concatenate([begin, begin + width, np.array([0, LIMIT], dtype=np.uint64)])
        change = np.concatenate([share, -share, [0.0, 0.0]])
        order = np.argsort(edges, kind="stable")
        edges, density = edges[order], np.cumsum(change[order])
        last = np.append(edges[1:] != edges[:-1], True)
        edges, density = edges[last], np.maximum(density[last], 0.0)
        calls = density[:-1] * np.diff(edges).astype(np.float64)
        return cls(edges, np.concatenate([[0.0], np.cumsum(calls)]), density)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Those of a CSV file with the columns `number` or `prefix`, and `weight`.

        Raises RebuildError for anything else: what is no number, what is negative or no number of calls.
        """
        try:
            table = pacsv.read_csv(
                path, convert_options=pacsv.ConvertOptions(column_types={"number": pa.string(), "prefix": pa.string()})
            )
            columns = [name for name in ("number", "prefix") if name in table.column_names]
            if len(columns) != 1 or "weight" not in table.column_names:
                raise ValueError(f"the columns are {', '.join(table.column_names)}")
            digits = pc.utf8_ltrim(table.column(columns[0]), "+").cast(pa.uint64())
            weight = table.column("weight").cast(pa.float64()).to_numpy()
            prefix = digits.to_numpy()
            if digits.null_count or not np.isfinite(weight).all() or (weight < 0).any():
                raise ValueError("a row without a number, or with a weight that is none")
            if len(prefix) and (prefix.min() == 0 or prefix.max() >= LIMIT):
                raise ValueError(f"a number that is none: 1 to {DIGITS_MAX} digits, the first not 0")
        except (ValueError, pa.ArrowInvalid) as error:
            raise RebuildError(
                "not a traffic file",
                where=str(path),
                expected="CSV with the columns number or prefix, and weight",
                got=str(error),
            ) from error
        return cls.of(prefix, weight)

    def to(self, first: Numbers, last: Numbers) -> Floats:
        """The calls to numbers of one length, from `first` to `last` each, both in columns of one length."""
        if not len(self.edge):
            return (last - first + np.uint64(1)).astype(np.float64)
        end = rules.leftmost(last) + rules.spread(last)
        return np.maximum(self._before(end) - self._before(rules.leftmost(first)), 0.0)

    def _before(self, position: Numbers) -> Floats:
        place = np.searchsorted(self.edge, position, side="right") - 1
        return self.before[place] + (position - self.edge[place]) * self.density[place]
