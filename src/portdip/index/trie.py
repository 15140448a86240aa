"""The trie over groups of blocks: which leaf, mid and top node a number's high bits reach (image.py: "From a number").

A group of its own has entries or range boundaries inside. Everywhere else one range covers the whole group, mostly
whole nodes, and nodes that cover one range alone are shared. Called once at the end of a build.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from portdip.intervals import Codes, Numbers

GROUP_NUMBERS = 640_000
LEAF, MID, TOP = 256, 2048, 4096
Nodes = npt.NDArray[np.uint32]


def code_at(first: Numbers, last: Numbers, code: Codes, numbers: Numbers) -> Codes:
    """The code of the disjoint interval around each number, 0 for none."""
    if len(first) == 0:
        return np.zeros(len(numbers), dtype=np.uint16)
    row = np.searchsorted(first, numbers, side="right").astype(np.int64) - 1
    inside = (row >= 0) & (numbers <= last[np.maximum(row, 0)])
    return np.where(inside, code[np.maximum(row, 0)], 0).astype(np.uint16)


def boundary_groups(first: Numbers, last: Numbers) -> Numbers:
    """Groups that an interval begins or ends inside of, so that no one code covers them."""
    edges = np.concatenate([first, last + np.uint64(1)])
    inside = edges[edges % np.uint64(GROUP_NUMBERS) != 0]
    return np.unique(inside // np.uint64(GROUP_NUMBERS))


def plant(
    groups: Numbers, first: Numbers, last: Numbers, code: Codes, slot_of: Callable[[int], int]
) -> tuple[Numbers, Nodes, Nodes]:
    """The leaf, mid and top nodes, each level flat; an entry says where in the level below its node begins.

    `groups`, shape (n, 3), increasing: a group with slots of its own, which of its blocks have one, and the slot of
    those that have none. `slot_of(code)` gives the slot for groups that one range covers; it is asked once for each
    code that needs one. Leaf entries come back with shape (n, 2): blocks, slot.
    """
    edges = np.concatenate([first, last + np.uint64(1)]) // np.uint64(GROUP_NUMBERS)
    leaf_ids = np.unique(np.concatenate([groups[:, 0], edges]) // np.uint64(LEAF))
    mid_ids = np.unique(leaf_ids // np.uint64(MID))

    def level(ids: Numbers, width: int, below: Numbers, numbers_below: int) -> _Level:
        spread = (ids[:, None] * np.uint64(width) + np.arange(width, dtype=np.uint64)).ravel()
        codes = code_at(first, last, code, (spread * np.uint64(numbers_below)).astype(np.uint64))
        return _Level(width, codes, np.searchsorted(spread, below))

    top = level(np.zeros(1, dtype=np.uint64), TOP, mid_ids, MID * LEAF * GROUP_NUMBERS)
    mid = level(mid_ids, MID, leaf_ids, LEAF * GROUP_NUMBERS)
    leaf = level(leaf_ids, LEAF, groups[:, 0], GROUP_NUMBERS)
    # From the top down: which codes need a node that stands for one range alone.
    for_mid = top.shared(np.zeros(1, dtype=np.uint16))
    for_leaf = mid.shared(for_mid)
    slots = {held: slot_of(held) for held in leaf.shared(for_leaf).tolist()}
    slot = leaf.table(for_leaf, slots, groups[:, 2])
    blocks = np.zeros_like(slot)
    blocks[len(for_leaf) * LEAF + leaf.own] = groups[:, 1]
    return (
        np.column_stack([blocks, slot]),
        mid.table(for_mid, *_begins(for_leaf, len(leaf_ids), LEAF)).astype(np.uint32),
        top.table(np.empty(0, dtype=np.uint16), *_begins(for_mid, len(mid_ids), MID)).astype(np.uint32),
    )


@dataclass(frozen=True)
class _Level:
    """Nodes of one level that are not shared: the range code at each entry, and the entries with more below them."""

    width: int
    codes: Codes
    own: npt.NDArray[np.intp]

    def shared(self, above: Codes) -> Codes:
        """Codes that need a shared node below: of entries here with nothing else below, and of shared nodes here."""
        alone = np.ones(len(self.codes), dtype=bool)
        alone[self.own] = False
        return np.unique(np.concatenate([above, self.codes[alone]]))

    def table(self, shared: Codes, begins_of: dict[int, int], own_begin: Numbers) -> Numbers:
        """The level: a node for each of the `shared` codes, then the others; where each entry's node below begins."""
        begins = np.zeros(65_536, dtype=np.uint64)
        begins[list(begins_of)] = list(begins_of.values())
        entries = begins[self.codes]
        entries[self.own] = own_begin
        return np.concatenate([np.repeat(begins[shared], self.width), entries])


def _begins(shared: Codes, own: int, width: int) -> tuple[dict[int, int], Numbers]:
    """Where nodes of a level begin: the shared ones by code, and behind them `own` others."""
    places = np.arange(len(shared) + own, dtype=np.uint64) * np.uint64(width)
    return dict(zip(shared.tolist(), places.tolist(), strict=False)), places[len(shared) :]
