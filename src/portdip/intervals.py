"""Nested ranges to disjoint ones.

A numbering plan is written as ranges inside ranges: a block of a million to one carrier, ten thousand of it to
another, a hundred of those withdrawn. The innermost range that holds a number decides. Here that nesting becomes
what an index needs: intervals side by side, each with one code.

May be called from any thread; changes nothing it is given.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from portdip.errors import InvalidRangeError

Numbers = npt.NDArray[np.uint64]
Codes = npt.NDArray[np.uint16]
Ordinals = npt.NDArray[np.uint32]

_LIMIT = 10**15
_POWERS = np.array([10**exponent for exponent in range(1, 16)], dtype=np.uint64)


def flatten(ranges: npt.ArrayLike) -> tuple[Numbers, Numbers, Codes]:
    """Disjoint intervals, in order, that give every number the code of the innermost range that holds it.

    `ranges` has shape (n, 3): first number, last number, code; in any order. Code 0 withdraws an interval from the
    range around it. Intervals come back without those of code 0, neighbours of one code joined:

    >>> first, last, code = flatten([(100, 199, 7), (150, 159, 0), (160, 169, 7)])
    >>> list(zip(first.tolist(), last.tolist(), code.tolist()))
    [(100, 149, 7), (160, 199, 7)]

    Raises InvalidRangeError for a range that is no closed interval of equal-length numbers below 10^15, for two
    ranges that cross (neither holds the other), and for one interval with two codes.
    """
    table = np.asarray(ranges, dtype=np.uint64).reshape(-1, 3)
    first, last, code = table[:, 0], table[:, 1], table[:, 2]
    check(first, last, code)
    order = np.lexsort((~last, first))
    first, last, code = first[order], last[order], code[order]
    if np.any(first[1:] <= last[:-1]):
        first, last, code = _unnest(first, last, code)
    held = code != 0
    first, last, code = first[held], last[held], code[held]
    opens = _opens(first, last, code)
    return first[opens], last[np.roll(opens, -1)], code[opens].astype(np.uint16)


def check(first: Numbers, last: Numbers, code: Numbers | Codes) -> None:
    """Raises InvalidRangeError, naming the row, for what is no interval of numbers of one length with a code."""
    wrong = (first == 0) | (last >= _LIMIT) | (last < first) | (code > 65_534)
    wrong |= np.searchsorted(_POWERS, first, side="right") != np.searchsorted(_POWERS, last, side="right")
    if np.any(wrong):
        row = int(np.argmax(wrong))
        raise InvalidRangeError(
            "not a range",
            expected="first <= last, both of one length of 1 to 15 digits, code 0 to 65534",
            got=f"{first[row]} to {last[row]} with code {code[row]}",
            where=f"range {row}",
        )


def latest(first: Numbers, last: Numbers, code: Codes, ordinal: Ordinals) -> tuple[Numbers, Numbers, Codes, Ordinals]:
    """Disjoint intervals, in order, that give every number the latest of the ranges that hold it.

    Ranges may cross and repeat; the latest is the one of the highest ordinal, then the highest code. Code 0 counts
    as any other. Neighbours of one code and ordinal are joined:

    >>> ranges = np.array([(100, 199, 7, 1), (150, 159, 0, 2), (120, 170, 5, 1)], dtype=np.uint64).T
    >>> [column.tolist() for column in latest(*ranges)]
    [[100, 150, 160], [149, 159, 199], [7, 0, 7], [1, 2, 1]]
    """
    order = np.lexsort((code, ordinal))
    first, last, code, ordinal = first[order], last[order], code[order], ordinal[order]
    # Between two edges nothing begins or ends: a cell. Ranges become cells from `low` up to `high`.
    edges = np.unique(np.concatenate([first, last + np.uint64(1), _POWERS]))
    low, high = np.searchsorted(edges, first), np.searchsorted(edges, last + np.uint64(1))
    # A range of n cells is two runs of 2^level cells, which may overlap. From the widest level down, each run hands
    # its range to its two halves, unless a later one has been there.
    winner = np.full(len(edges), -1, dtype=np.int64)
    level = np.frexp(high - low)[1] - 1
    for width in range(int(level.max(initial=0)), -1, -1):
        at = np.flatnonzero(level == width)
        np.maximum.at(winner, low[at], at)
        np.maximum.at(winner, high[at] - (1 << width), at)
        if width:
            half = 1 << (width - 1)
            winner[half:] = np.maximum(winner[half:], winner[:-half])
    held = np.flatnonzero(winner >= 0)
    first, last = edges[held], edges[held + 1] - np.uint64(1)
    code, ordinal = code[winner[held]], ordinal[winner[held]]
    opens = _opens(first, last, code)
    opens[1:] |= ordinal[1:] != ordinal[:-1]
    return first[opens], last[np.roll(opens, -1)], code[opens], ordinal[opens]


def _opens(first: Numbers, last: Numbers, code: Numbers | Codes) -> npt.NDArray[np.bool_]:
    """Which disjoint intervals, in order, do not continue the one before them."""
    opens = np.ones(len(first), dtype=bool)
    # Neighbours may not join across a length: 999 and 1000 are one apart and nothing else in common.
    opens[1:] = (first[1:] != last[:-1] + np.uint64(1)) | (code[1:] != code[:-1]) | np.isin(first[1:], _POWERS)
    return opens


def _unnest(first: Numbers, last: Numbers, code: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Cut outer ranges where inner ones begin and end; the input is sorted by first, longest before shorter."""
    pieces: list[tuple[int, int, int]] = []
    open_ranges: list[tuple[int, int]] = []  # (last, code) from outermost to innermost
    position = 0  # everything before it is in pieces

    def close_before(limit: int | None) -> None:
        nonlocal position
        while open_ranges and (limit is None or open_ranges[-1][0] < limit):
            end, held_by = open_ranges.pop()
            if position <= end:
                pieces.append((position, end, held_by))
                position = end + 1

    previous: tuple[Any, ...] = ()
    for begin, end, held_by in zip(first.tolist(), last.tolist(), code.tolist(), strict=True):
        if previous[:2] == (begin, end):
            if previous[2] != held_by:
                raise InvalidRangeError(
                    "one range has two codes", got=f"{begin} to {end} with codes {previous[2]} and {held_by}"
                )
            continue
        close_before(begin)
        if open_ranges:
            outer_end, outer_code = open_ranges[-1]
            if end > outer_end:
                raise InvalidRangeError(
                    "two ranges cross",
                    expected="one inside the other, or apart",
                    got=f"{begin} to {end} and one that ends at {outer_end}",
                )
            if position < begin:
                pieces.append((position, begin - 1, outer_code))
        position = begin
        open_ranges.append((end, held_by))
        previous = (begin, end, held_by)
    close_before(None)
    columns = np.array(pieces, dtype=np.uint64).reshape(-1, 3)
    return columns[:, 0], columns[:, 1], columns[:, 2]
