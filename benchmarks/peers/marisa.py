"""marisa-trie: a succinct trie of digits, mapped."""

from __future__ import annotations

from collections.abc import Sequence

import marisa_trie
import numpy as np

from .peer import Ability, Codes, Numbers, Peer, Ported, in_order

_FORMAT = "<H"


class Marisa(Peer):
    name = "marisa-trie"
    lacks = (Ability.CHANGE,)

    def __init__(self, ported: Ported) -> None:
        self._path = ported.folder / "ported.marisa"
        codes = ((code,) for code in ported.codes.tolist())
        built = marisa_trie.RecordTrie(_FORMAT, zip(self.keys(ported.numbers), codes, strict=True))
        built.save(str(self._path))
        del built
        self._trie = marisa_trie.RecordTrie(_FORMAT).mmap(str(self._path))

    def keys(self, asked: Numbers) -> Sequence[str]:
        return list(map(str, asked.tolist()))

    def ask_one(self, keys: Sequence[str]) -> list[int]:
        get = self._trie.get
        return [records[0][0] if (records := get(key)) else 0 for key in keys]

    def ask_many(self, asked: Numbers) -> Codes:
        """It has no way to ask for many at once."""
        return in_order(asked, lambda numbers: np.array(self.ask_one(self.keys(numbers)), np.uint16))

    @property
    def file_bytes(self) -> int:
        return self._path.stat().st_size
