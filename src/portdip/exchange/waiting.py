"""Deltas that came before their turn, kept on disk until the gap before them closes.

    DIRECTORY/<sequence>-<digest>.delta   sequence 20 digits, digest the first 16 hex digits of the SHA-256 of the file

The digest is that of all bytes and not the delta's own, which leaves out the signature: until its signer is known
nobody can tell a delta from the same one with its signature spoiled, and both must find room. Puts and removals are
for the holder of the store's lock; any process may look.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from pathlib import Path

from portdip import files
from portdip.exchange import delta
from portdip.exchange.quarantine import short_digest

#: How far ahead of the chain a delta may be to be kept, and how many are kept at most.
AHEAD_MAX = 1000

#: First and last sequence of what is missing in one place.
Gap = tuple[int, int]

_SEQUENCE_DIGITS = 20
_NAME = re.compile(rf"(\d{{{_SEQUENCE_DIGITS}}})-[0-9a-f]{{16}}{re.escape(delta.SUFFIX)}")


def gaps(head: int, present: Iterable[int]) -> list[Gap]:
    """What is missing after `head` up to the last of `present`, in order.

    >>> gaps(4, [9, 6, 3])
    [(5, 5), (7, 8)]
    """
    found = []
    for sequence in sorted(present):
        if sequence > head + 1:
            found.append((head + 1, sequence - 1))
        head = max(head, sequence)
    return found


class WaitingRoom:
    """The waiting room in the directory `path`, which need not be there yet."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self) -> dict[int, list[Path]]:
        """The files that wait, by sequence, in order."""
        try:
            names = files.names(self.path)
        except FileNotFoundError:
            return {}
        found: dict[int, list[Path]] = {}
        for name in names:
            if match := _NAME.fullmatch(name):
                found.setdefault(int(match[1]), []).append(self.path / name)
        return found

    def put(self, sequence: int, content: bytes, head: int) -> Path | None:
        """Keep a delta, on disk when this returns; None where it is too far ahead of `head` or the room is full."""
        path = self.path / f"{sequence:0{_SEQUENCE_DIGITS}d}-{short_digest(content)}{delta.SUFFIX}"
        if path.exists():
            return path
        if sequence > head + AHEAD_MAX or sum(map(len, self.entries().values())) >= AHEAD_MAX:
            return None
        files.make_directory(self.path)
        files.write_new(path, content)
        return path

    def remove(self, path: Path) -> None:
        """Remove one file that `entries` named; nothing happens if it has gone."""
        with contextlib.suppress(FileNotFoundError):
            files.remove(path)

    def missing(self, head: int) -> list[Gap]:
        """What is missing between the chain, which ends with `head`, and the newest that waits."""
        return gaps(head, self.entries())
