"""Rules as names of DNS: a wildcard is kept away by every name that exists, so each node on the way has one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from portdip.batch.rebuild import check
from portdip.batch.rebuild._names import Nodes
from portdip.batch.rebuild.content import Content
from portdip.batch.rebuild.rules import Matches, Numbers, Rules
from portdip.index import ENTRY

#: Names that a rule can bring: one for each of its beginnings, its own, and what is owed to the one before.
_NAMES_MAX = 17
_BATCH = 1 << 16


def named(stream: Iterator[Rules], content: Content) -> Iterator[Rules]:
    """The names for rules in order: those of numbers have ENTRY, the others are wildcards, of code 0 where none is to
    answer.

    A query finds by them what a number finds by the rules: who answers is the nearest node that exists (RFC 4592).
    """
    nodes = Nodes()
    nested = check.nested(content, different=False) is not None
    for batch in stream:
        for row in range(0, len(batch.place), _BATCH):
            part = batch.where(slice(row, row + _BATCH))
            whole = (content.generation.index.find_many(np.ascontiguousarray(part.prefix)) != 0).astype(np.uint8)
            prefix = np.empty(len(whole) * _NAMES_MAX, dtype=np.uint64)
            match = np.empty(len(prefix), dtype=np.uint32)
            count = nodes.write(part.place, part.match, whole, nested, prefix, match)
            made = prefix[:count].copy(), match[:count].copy()
            if nested:
                made = _with_numbers_on_the_way(*made, content)
            yield Rules.of(*made)


def _with_numbers_on_the_way(prefix: Numbers, match: Matches, content: Content) -> tuple[Numbers, Matches]:
    """The same and the names of numbers that are nodes on the way to longer ones: no wildcard answers for a node."""
    wild = match < ENTRY
    has_name = np.zeros(len(prefix), dtype=bool)
    has_name[1:] = (prefix[1:] == prefix[:-1]) & ~wild[:-1]
    nodes = np.flatnonzero(wild & ~has_name)
    numbers = nodes[content.generation.index.find_many(prefix[nodes]) != 0]
    named_so = match[numbers] | np.uint32(ENTRY)
    return np.insert(prefix, numbers, prefix[numbers]), np.insert(match, numbers, named_so)
