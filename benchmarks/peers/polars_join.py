"""Polars: a join, and a search in the sorted column for one number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from .peer import Ability, Codes, Numbers, Peer, Ported


class PolarsJoin(Peer):
    name = "Polars join"
    lacks = (Ability.RANGES, Ability.CHANGE, Ability.SHARING)

    def __init__(self, ported: Ported) -> None:
        self._table = pl.DataFrame({"number": np.array(ported.numbers), "code": np.array(ported.codes)})

    def ask_one(self, keys: Sequence[int]) -> list[int]:
        numbers, codes = self._table["number"], self._table["code"]
        last, search = len(numbers) - 1, numbers.search_sorted
        found = []
        for key in keys:
            place = search(key)
            found.append(codes[place] if place <= last and numbers[place] == key else 0)
        return found

    def ask_many(self, asked: Numbers) -> Codes:
        """An inner join, which hashes the questions; a left one hashes the table, and takes four times as long."""
        calls = pl.DataFrame({"number": asked}).with_row_index("place")
        ported = calls.join(self._table, on="number")
        found = np.zeros(len(asked), np.uint16)
        found[ported["place"].to_numpy()] = ported["code"].to_numpy()
        return found
