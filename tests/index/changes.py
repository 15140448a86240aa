"""Changes to put into overlays: shared by the tests of this folder."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from portdip.index import Overlay

from .images import BASES, numbers_near

Fact = tuple[Any, ...]

#: Every code to a higher one, the highest to itself.
SHIFT = np.minimum(np.arange(65_536) + 1, 65_534).astype(np.uint16)
SHIFT[0] = 0


def mapping(**becomes: int) -> npt.NDArray[np.uint16]:
    """A map that changes some codes: `mapping(c3=4)`."""
    codes = np.arange(65_536, dtype=np.uint16)
    for code, became in becomes.items():
        codes[int(code[1:])] = became
    return codes


def added(overlay: Any, facts: list[Fact]) -> Any:
    """The overlay with facts: ("entry", number, code, ordinal), ("range", first, last, code, ordinal) or ("rule", ...).

    Entries come in one call and ranges in another, as a delta brings them.
    """
    entries = [fact[1:] for fact in facts if fact[0] == "entry"]
    ranges = [fact[1:] for fact in facts if fact[0] == "range"]
    if entries:
        numbers, codes, ordinals = np.array(entries, dtype=np.uint64).T
        overlay = overlay.with_entries(numbers, codes.astype(np.uint16), ordinals.astype(np.uint32))
    if ranges:
        first, last, codes, ordinals = np.array(ranges, dtype=np.uint64).T
        overlay = overlay.with_ranges(first, last, codes.astype(np.uint16), ordinals.astype(np.uint32))
    for fact in facts:
        if fact[0] == "rule":
            overlay = overlay.with_rule(*fact[1:])
    return overlay


def contents(overlay: Any) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]], list[tuple[Any, ...]]]:
    """Entries, ranges and rules as plain rows, to compare."""
    entries = [tuple(column.tolist()) for column in np.array(overlay.entries(), dtype=np.uint64).T]
    ranges = [tuple(column.tolist()) for column in np.array(overlay.ranges(), dtype=np.uint64).T]
    rules = [(*rule[:3], None if rule[3] is None else rule[3].tobytes()) for rule in overlay.rules]
    return entries, ranges, rules


def same(one: Any, other: Any) -> bool:
    return contents(one) == contents(other) and len(one) == len(other)


@st.composite
def facts(draw: st.DrawFn, max_size: int = 30) -> list[Fact]:
    """Entries, ranges and rules of one neighbourhood; ordinals repeat, except those of rules."""
    base = draw(st.sampled_from(BASES))
    number = numbers_near(base, draw(st.sampled_from([5, 300, 20_000])))
    ordinal, code = st.integers(1, 20), st.integers(0, 4)
    entry = st.tuples(st.just("entry"), number, code, ordinal)
    interval = st.tuples(number, number).map(lambda ends: (min(ends), max(ends)))
    one_length = interval.filter(lambda ends: len(str(ends[0])) == len(str(ends[1])))
    held = st.builds(lambda ends, code, ordinal: ("range", *ends, code, ordinal), one_length, code, ordinal)
    codes = st.sampled_from([None, SHIFT, mapping(c1=3, c2=1)])
    rule = st.builds(
        lambda ordinal, ends, codes: ("rule", ordinal, *ends, codes), ordinal, interval | st.just((0, 2**64 - 1)), codes
    )
    drawn = draw(st.lists(st.one_of(entry, held, entry), max_size=max_size))
    return drawn + draw(st.lists(rule, max_size=4, unique_by=lambda fact: fact[1]))


def numbers_of(facts: list[Fact]) -> list[int]:
    """Numbers whose answers the facts could change: each number, each edge, and their neighbours."""
    spots = {end for fact in facts for end in (fact[1:2] if fact[0] == "entry" else fact[-4:-2])}
    return sorted({spot + step for spot in spots for step in (-1, 0, 1) if 0 <= spot + step < 2**64})


def entries_of(overlay: Overlay) -> dict[int, tuple[int, int]]:
    """Number to ordinal and code."""
    numbers, codes, ordinals = (column.tolist() for column in overlay.entries())
    return dict(zip(numbers, zip(ordinals, codes, strict=True), strict=True))
