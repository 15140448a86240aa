"""pandas: a frame looked up by its index."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from .peer import Ability, Codes, Numbers, Peer, Ported

#: One of so many is asked for at first.
_MANY_ASKED = 10


class PandasIndex(Peer):
    name = "pandas get_indexer"
    lacks = (Ability.RANGES, Ability.CHANGE, Ability.SHARING)

    def __init__(self, ported: Ported) -> None:
        self._numbers, self._codes = pd.Index(np.array(ported.numbers)), np.array(ported.codes)
        self._numbers.get_indexer(ported.numbers[::-_MANY_ASKED])  # for few numbers it makes no hash table yet

    def ask_one(self, keys: Sequence[int]) -> list[int]:
        codes, place = self._codes, self._numbers.get_loc
        found = []
        for key in keys:
            try:
                found.append(codes[place(key)])
            except KeyError:
                found.append(0)
        return found

    def ask_many(self, asked: Numbers) -> Codes:
        places = self._numbers.get_indexer(asked)
        return np.where(places >= 0, self._codes[places], np.uint16(0))
