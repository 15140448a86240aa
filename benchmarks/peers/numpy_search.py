"""numpy.searchsorted in the sorted numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .peer import Ability, Codes, Numbers, Peer, Ported, in_order


class NumpySearch(Peer):
    name = "numpy searchsorted"
    lacks = (Ability.RANGES, Ability.CHANGE)

    def __init__(self, ported: Ported) -> None:
        self._numbers, self._codes = np.array(ported.numbers), np.array(ported.codes)

    def keys(self, asked: Numbers) -> Sequence[np.uint64]:
        return list(asked)  # a Python integer would turn all numbers into floats

    def ask_one(self, keys: Sequence[np.uint64]) -> list[int]:
        numbers, codes, search, last = self._numbers, self._codes, self._numbers.searchsorted, len(self._numbers) - 1
        found = []
        for key in keys:
            place = search(key)
            found.append(codes[place] if place <= last and numbers[place] == key else 0)
        return found

    def ask_many(self, asked: Numbers) -> Codes:
        return in_order(asked, self._ask)

    def _ask(self, asked: Numbers) -> Codes:
        places = np.minimum(self._numbers.searchsorted(asked), len(self._numbers) - 1)
        return np.where(self._numbers[places] == asked, self._codes[places], np.uint16(0))
