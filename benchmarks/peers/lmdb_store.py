"""LMDB: a mapped B+ tree of eight-byte keys."""

from __future__ import annotations

from collections.abc import Sequence

import lmdb
import numpy as np

from .peer import Ability, Codes, Numbers, Peer, Ported, in_order

#: Address space, of which the file takes what it needs.
_MAP_BYTES = 1 << 36


class LmdbStore(Peer):
    name = "LMDB"
    lacks = (Ability.RANGES,)

    def __init__(self, ported: Ported) -> None:
        # Written once and measured: nothing here must outlive a power cut.
        self._environment = lmdb.open(str(ported.folder / "lmdb"), map_size=_MAP_BYTES, sync=False)
        values = np.asarray(ported.codes, "<u2").view("V2").tolist()
        with self._environment.begin(write=True) as writing:
            writing.cursor().putmulti(zip(self.keys(ported.numbers), values, strict=True), append=True)
        self._reading = self._environment.begin()

    def keys(self, asked: Numbers) -> Sequence[bytes]:
        return np.asarray(asked, ">u8").view("V8").tolist()

    def ask_one(self, keys: Sequence[bytes]) -> list[int]:
        get, integer = self._reading.get, int.from_bytes
        return [integer(value, "little") if (value := get(key)) else 0 for key in keys]

    def ask_many(self, asked: Numbers) -> Codes:
        return in_order(asked, self._ask)

    def _ask(self, asked: Numbers) -> Codes:
        """Only what it finds comes back, with its keys."""
        pairs = self._reading.cursor().getmulti(self.keys(asked))
        numbers = np.frombuffer(b"".join([key for key, _ in pairs]), ">u8").astype(np.uint64)
        codes = np.frombuffer(b"".join([value for _, value in pairs]), "<u2")
        places = np.minimum(numbers.searchsorted(asked), len(numbers) - 1)
        return np.where(numbers[places] == asked, codes[places], np.uint16(0))

    @property
    def file_bytes(self) -> int:
        pages = self._environment.info()["last_pgno"] + 1
        return pages * self._environment.stat()["psize"]
