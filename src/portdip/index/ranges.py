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
    _check_intervals(first, last, code)
    order = np.lexsort((~last, first))
    first, last, code = first[order], last[order], code[order]
    if np.any(first[1:] <= last[:-1]):
        first, last, code = _unnest(first, last, code)
    held = code != 0
    first, last, code = first[held], last[held], code[held]
    # Neighbours may not join across a length: 999 and 1000 are one apart and nothing else in common.
    opens = np.ones(len(first), dtype=bool)
    opens[1:] = (first[1:] != last[:-1] + np.uint64(1)) | (code[1:] != code[:-1]) | np.isin(first[1:], _POWERS)
    closes = np.roll(opens, -1)
    return first[opens], last[closes], code[opens].astype(np.uint16)


def _check_intervals(first: Numbers, last: Numbers, code: Numbers) -> None:
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
