"""What counts as one answer: a route, and where a target says so, whether the number is ported.

An answer is a code of 16 bits, 0 for nobody's numbers, and smaller for who holds a range than for a ported number.
Immutable; for any number of threads.
"""

from __future__ import annotations

import numpy as np

from portdip.batch.rebuild.rules import Codes, Matches, Numbers
from portdip.errors import RebuildError
from portdip.index import ENTRY
from portdip.lookup.generation import Generation
from portdip.route import Route


class Answers:
    """The answers of `generation`; with `says_ported` a ported number's is another than its carrier's range's.

    Raises RebuildError where there are more than 16 bits can tell apart.
    """

    def __init__(self, generation: Generation, says_ported: bool) -> None:
        self.says_ported = says_ported
        self._generation = generation
        routes = np.array(sorted(generation.routes), dtype=np.uint32)
        ported = routes | np.uint32(ENTRY)
        nobody = np.zeros(1, dtype=np.uint32)
        self._matches = np.concatenate([nobody, routes, ported]) if says_ported else np.concatenate([nobody, routes])
        if len(self._matches) > ENTRY:
            raise RebuildError(
                "too many routes to keep ported numbers apart from ranges",
                expected=f"at most {(ENTRY - 1) // 2:,}",
                got=f"{len(routes):,}",
                fix="Leave the column `ported` out.",
            )
        self._answers = np.zeros(2 * ENTRY, dtype=np.uint16)
        self._answers[ported] = np.arange(1, len(routes) + 1)
        self._answers[self._matches] = np.arange(len(self._matches))

    def of(self, match: Matches | Codes) -> Codes:
        """The answers that matches are: a route code, plus ENTRY where the number is ported."""
        found: Codes = self._answers[match]
        return found

    def find(self, numbers: Numbers) -> Codes:
        """The answer to each number."""
        return self.of(self._generation.index.match_many(numbers))

    def matches(self, prefix: Numbers, answer: Codes) -> Matches:
        """The matches of rules with these answers: with ENTRY where they say so, else where the prefix is a ported
        number.
        """
        match: Matches = self._matches[answer]
        if self.says_ported:
            return match
        return match | self._generation.index.match_many(prefix) & np.uint32(ENTRY)

    def route(self, answer: int) -> Route | None:
        """The route of an answer, None for nobody's."""
        return self._generation.routes.get(int(self._matches[answer]) & (ENTRY - 1))

    def is_ported(self, answer: int) -> bool:
        """Whether an answer says that the number is ported."""
        return int(self._matches[answer]) >= ENTRY

    def named(self, answer: int) -> str:
        """An answer as messages name it."""
        route = self.route(answer)
        if route is None:
            return "no route"
        return f"{route.carrier.id} {route.routing_number}".rstrip() + (", ported" if self.is_ported(answer) else "")
