"""Python's dict."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat

import numpy as np

from .peer import Ability, Codes, Numbers, Peer, Ported, in_order


class Dictionary(Peer):
    name = "dict"
    lacks = (Ability.RANGES, Ability.SHARING)

    def __init__(self, ported: Ported) -> None:
        self._codes: dict[int, int] = dict(zip(ported.numbers.tolist(), ported.codes.tolist(), strict=True))

    def ask_one(self, keys: Sequence[int]) -> list[int]:
        get = self._codes.get
        return [get(key, 0) for key in keys]

    def ask_many(self, asked: Numbers) -> Codes:
        return in_order(asked, self._ask)

    def _ask(self, asked: Numbers) -> Codes:
        return np.fromiter(map(self._codes.get, asked.tolist(), repeat(0)), np.uint16, len(asked))
