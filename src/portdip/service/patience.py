"""How long to wait before a child that died is started again."""

from __future__ import annotations

#: A child that lived this long has started well: its end is the first of a row.
_SETTLED_SECONDS = 30.0
_FIRST_SECONDS = 0.1
_LONGEST_SECONDS = 10.0


class Patience:
    """Doubles the wait with every death in a row. The first death of a row costs no wait at all.

    All times are seconds of one clock that never goes back.
    """

    def __init__(self) -> None:
        self._deaths = 0
        #: When to start the child again.
        self.due = 0.0

    def died(self, now: float, lived: float) -> float:
        """A child died at `now` after `lived` seconds; how long to wait for the next one."""
        self._deaths = 1 if lived >= _SETTLED_SECONDS else self._deaths + 1
        wait = 0.0 if self._deaths == 1 else min(_FIRST_SECONDS * 2.0 ** (self._deaths - 2), _LONGEST_SECONDS)
        self.due = now + wait
        return wait
