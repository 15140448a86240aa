"""The trie over groups of blocks: which leaf, mid and top node a number's high bits reach (image.py: "From a number").

A group of its own has entries or range boundaries inside. Everywhere else one range covers the whole group, mostly
whole nodes, and nodes that cover one range alone are shared. Called once at the end of a build.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from portdip.index.ranges import Codes, Numbers

GROUP_NUMBERS = 640_000
LEAF, MID, TOP = 256, 2048, 4096
LEAF_ENTRY = np.dtype([("blocks", "<u8"), ("base", "<u4"), ("unused", "<u4")])
Nodes = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class Groups:
    """Groups with slots of their own, by increasing `group`; `base` is the slot that stands for the other blocks."""

    group: Numbers
    blocks: Numbers
    base: Nodes


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
    groups: Groups, first: Numbers, last: Numbers, code: Codes, slot_of_code: Nodes
) -> tuple[npt.NDArray[np.void], Nodes, Nodes]:
    """The leaf, mid and top nodes, each level flat: nodes one after another.

    `slot_of_code` (65,536 long) names the slot that answers one range code and nothing else.
    """
    edges = np.concatenate([first, last + np.uint64(1)]) // np.uint64(GROUP_NUMBERS)
    held = np.unique(code)

    leaf_ids = np.unique(np.concatenate([groups.group, edges]) // np.uint64(LEAF))
    spread = leaf_ids[:, None] * np.uint64(LEAF) + np.arange(LEAF, dtype=np.uint64)
    starts = (spread.ravel() * np.uint64(GROUP_NUMBERS)).astype(np.uint64)
    codes = code_at(first, last, code, starts)
    own = np.zeros(spread.size, dtype=LEAF_ENTRY)
    own["base"] = slot_of_code[codes]
    at = np.searchsorted(spread.ravel(), groups.group)
    own["blocks"][at] = groups.blocks
    own["base"][at] = groups.base
    shared = np.zeros((len(held) + 1, LEAF), dtype=LEAF_ENTRY)
    shared[1:]["base"] = slot_of_code[held][:, None]
    leaf = np.concatenate([shared.ravel(), own])

    mid_ids = np.unique(leaf_ids // np.uint64(MID))
    mid = _level(mid_ids, MID, leaf_ids, LEAF * GROUP_NUMBERS, first, last, code, held)
    top = _level(np.zeros(1, dtype=np.uint64), TOP, mid_ids, MID * LEAF * GROUP_NUMBERS, first, last, code, held)[-TOP:]
    return leaf, mid, top


def _level(
    ids: Numbers,
    width: int,
    below: Numbers,
    numbers_below: int,
    first: Numbers,
    last: Numbers,
    code: Codes,
    held: Codes,
) -> Nodes:
    """One level of nodes: blank, one for each code held, then those of `ids`; `below` has nodes of its own there."""
    spread = (ids[:, None] * np.uint64(width) + np.arange(width, dtype=np.uint64)).ravel()
    node_of_code = np.zeros(65_536, dtype=np.uint32)
    node_of_code[held] = np.arange(1, len(held) + 1, dtype=np.uint32)
    starts = (spread * np.uint64(numbers_below)).astype(np.uint64)
    own = node_of_code[code_at(first, last, code, starts)]
    own[np.searchsorted(spread, below)] = np.arange(len(below), dtype=np.uint32) + np.uint32(len(held) + 1)
    shared = np.repeat(np.arange(len(held) + 1, dtype=np.uint32), width)
    return np.concatenate([shared, own])
