"""Digests by block in plain Python, after the docstring of `digests`: the oracle of its compiled twin."""

from __future__ import annotations

from collections.abc import Iterable

ODD = 0x9E3779B97F4A7C15
WORD = 2**64 - 1
NOT_KNOWN = -(2**63)


def mix(value: int) -> int:
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & WORD
    value = (value ^ value >> 27) * 0x94D049BB133111EB & WORD
    return value ^ value >> 31


def text(value: str | None, seed: int) -> int:
    if value is None:
        return 0
    content = value.encode()
    state = (seed << 32) + len(content)
    for begin in range(0, max(len(content), 1), 8):
        state = mix((state * ODD & WORD) ^ int.from_bytes(content[begin : begin + 8], "little"))
    return state


def row(number: int, rest: int) -> int:
    return mix((number * ODD + rest) & WORD)


def digests(rows: Iterable[tuple[int, str, str, str | None, int | None]]) -> dict[int, tuple[int, int, int]]:
    """Count, routes and particulars by block, of rows (number, carrier, routing number, donor, microseconds)."""
    found: dict[int, tuple[int, int, int]] = {}
    for number, carrier, routing_number, donor, effective in rows:
        count, routes, particulars = found.get(number // 10_000, (0, 0, 0))
        route = row(number, text(carrier, 1) + text(routing_number, 2))
        particular = row(number, text(donor, 3) + mix((NOT_KNOWN if effective is None else effective) & WORD))
        found[number // 10_000] = (count + 1, (routes + route) & WORD, (particulars + particular) & WORD)
    return found
