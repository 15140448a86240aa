"""Small digit trees, asked and counted by definition: slow, and with nothing of the code that is tested."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from hypothesis import strategies as st

#: Digits of a node, from the first on.
Node = tuple[int, ...]
#: Code of each number.
Numbers = Mapping[Node, int]
Table = dict[Node, int]


def nodes(radix: int, digits: int) -> list[Node]:
    """Every string of digits that does not begin with 0, the shortest first."""
    strings = (itertools.product(range(radix), repeat=count) for count in range(1, digits + 1))
    return [node for node in itertools.chain(*strings) if node[0]]


@st.composite
def trees(draw: st.DrawFn, one_length: bool = False) -> tuple[int, int, Numbers]:
    """Radix, digits and numbers; of several lengths, some the beginning of others, unless `one_length`."""
    radix, digits = draw(st.sampled_from([(2, 3), (3, 2), (3, 3), (4, 2), (2, 5)]))
    places = [node for node in nodes(radix, digits) if not one_length or len(node) == digits]
    codes = draw(st.lists(st.integers(0, draw(st.integers(1, 4))), min_size=len(places), max_size=len(places)))
    return radix, digits, {node: code for node, code in zip(places, codes, strict=True) if code}


def answer(table: Table, node: Node) -> int:
    """The rule of the longest beginning."""
    return next((table[node[:count]] for count in range(len(node), 0, -1) if node[:count] in table), 0)


def asked(numbers: Numbers, radix: int, digits: int) -> dict[Node, int]:
    """What must be answered: numbers, and what neither begins with one nor is the beginning of one (0)."""
    wanted = dict(numbers)
    for node in nodes(radix, digits):
        begins = any(node[:count] in numbers for count in range(1, len(node) + 1))
        if not begins and not any(number[: len(node)] == node for number in numbers):
            wanted[node] = 0
    return wanted


def columns(numbers: Numbers, radix: int, digits: int) -> list[Any]:
    """The numbers as points, and no regions, as the compiled walks want them."""
    rows = sorted((position(node, radix, digits), len(node), code) for node, code in numbers.items())
    kinds = (np.uint64, np.uint8, np.uint16)
    points = [np.array([row[place] for row in rows], dtype=kind) for place, kind in enumerate(kinds)]
    regions = [np.empty(0, dtype=kind) for kind in (np.uint64, np.uint64, np.uint16, np.uint16, np.uint8)]
    return [*points, *regions]


def position(node: Node, radix: int, digits: int) -> int:
    return sum(digit * radix ** (digits - 1 - place) for place, digit in enumerate(node))


def table_of(prefixes: Any, codes: Any, radix: int) -> Table:
    """Rules by node."""
    table: Table = {}
    for prefix, code in zip(prefixes.tolist(), codes.tolist(), strict=True):
        digits: list[int] = []
        while prefix:
            prefix, digit = divmod(prefix, radix)
            digits.insert(0, digit)
        assert tuple(digits) not in table
        table[tuple(digits)] = code
    return table


def tables(count: int, codes: list[int], radix: int, digits: int) -> Iterator[Table]:
    """Every table of so many rules."""
    for places in itertools.combinations(nodes(radix, digits), count):
        for chosen in itertools.product(codes, repeat=count):
            yield dict(zip(places, chosen, strict=True))


def least_cost(
    numbers: Numbers, radix: int, digits: int, may_block: bool, price: float, weight: Mapping[Node, float] | None
) -> float:
    """What the cheapest table costs; without `weight`, nothing may be answered wrong."""
    wanted = asked(numbers, radix, digits)
    codes = sorted(set(numbers.values()))

    @functools.cache
    def cost(node: Node, reaching: int) -> float:
        best = float("inf")
        for code in {reaching, *codes, *([0] if may_block else [])}:
            total = 0.0 if code == reaching else price
            if node in wanted and wanted[node] != code:
                if weight is None or wanted[node] == 0:
                    continue
                total += weight[node]
            if len(node) < digits:
                total += sum(cost((*node, digit), code) for digit in range(radix))
            best = min(best, total)
        return best

    return sum(cost((digit,), 0) for digit in range(1, radix))
