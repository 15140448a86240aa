"""The trie over groups of blocks: which leaf, mid and top node a number's high bits reach (image.py: "From a number").

A group of its own has entries or range boundaries inside. Everywhere else one range covers the whole group, mostly
whole nodes, and nodes that cover one range alone are shared. Called once at the end of a build.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from portdip.index.ranges import Codes, Numbers

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
    groups: Numbers, first: Numbers, last: Numbers, code: Codes, slots_of_code: Nodes
) -> tuple[Nodes, Nodes, Nodes]:
    """The leaf, mid and top nodes, each level flat; a node says where in the level below its children begin.

    `groups`, shape (n, 2), increasing: a group with slots of its own, and the first of them. `slots_of_code`
    (65,536 long) names the first slot of a group that one range covers.
    """
    edges = np.concatenate([first, last + np.uint64(1)]) // np.uint64(GROUP_NUMBERS)
    leaf_ids = np.unique(np.concatenate([groups[:, 0], edges]) // np.uint64(LEAF))
    mid_ids = np.unique(leaf_ids // np.uint64(MID))
    root = np.zeros(1, dtype=np.uint64)
    held = np.unique(code)
    leaf = _level(leaf_ids, LEAF, groups[:, 0], groups[:, 1], GROUP_NUMBERS, slots_of_code, first, last, code)
    mid = _level(
        mid_ids, MID, leaf_ids, _own_nodes(held, leaf_ids, LEAF), LEAF * GROUP_NUMBERS, _shared_nodes(held, LEAF),
        first, last, code,
    )  # fmt: skip
    top = _level(
        root, TOP, mid_ids, _own_nodes(held, mid_ids, MID), MID * LEAF * GROUP_NUMBERS, _shared_nodes(held, MID),
        first, last, code,
    )  # fmt: skip
    return leaf, mid, top[-TOP:]


def _shared_nodes(held: Codes, width: int) -> Nodes:
    """Where the node of each range code begins in a level: first the blank one, then those of the codes held."""
    begins = np.zeros(65_536, dtype=np.uint32)
    begins[held] = np.arange(1, len(held) + 1, dtype=np.uint32) * np.uint32(width)
    return begins


def _own_nodes(held: Codes, ids: Numbers, width: int) -> Numbers:
    """Where the nodes that are not shared begin in a level: behind those that are."""
    return (np.arange(len(ids), dtype=np.uint64) + np.uint64(len(held) + 1)) * np.uint64(width)


def _level(
    ids: Numbers,
    width: int,
    below: Numbers,
    begins: Numbers,
    numbers_below: int,
    shared_below: Nodes,
    first: Numbers,
    last: Numbers,
    code: Codes,
) -> Nodes:
    """One level of nodes, `width` entries each: blank, one for each code held, then those of `ids`.

    `below` are the places on the level underneath with nodes of their own, which begin at `begins`; a place covered by
    one range leads to `shared_below` of its code.
    """
    spread = (ids[:, None] * np.uint64(width) + np.arange(width, dtype=np.uint64)).ravel()
    starts = (spread * np.uint64(numbers_below)).astype(np.uint64)
    own = shared_below[code_at(first, last, code, starts)]
    own[np.searchsorted(spread, below)] = begins
    shared = np.repeat(shared_below[np.concatenate([[0], np.unique(code)])], width)
    return np.concatenate([shared, own])
