"""Ours: what `engine.index` is, resident in memory."""

from __future__ import annotations

from collections.abc import Sequence

from portdip.index import Index, LiveIndex, Overlay, build

from .peer import Codes, Numbers, Peer, Ported


class PortdipIndex(Peer):
    """Answers with the range's code where a number has no entry, as nobody else here does."""

    name = "portdip, engine.index"
    answers_ranges = True

    def __init__(self, ported: Ported) -> None:
        path = ported.folder / "ported.image"
        build(ported.numbers, ported.codes, ported.ranges, path)
        self._index = LiveIndex(Index.open(path, resident=True), Overlay())

    def ask_one(self, keys: Sequence[int]) -> list[int]:
        index = self._index
        return [index[key] for key in keys]

    def ask_many(self, asked: Numbers) -> Codes:
        return self._index.find_many(asked)
