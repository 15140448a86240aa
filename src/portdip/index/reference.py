"""The plain twin of the compiled index: simple and slow, and the oracle of every property test.

A dict of exact entries and lists scanned from end to end; nothing here is clever, so that what it answers is what the
words of the contract say. Same methods and errors as `portdip.index`.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from portdip import intervals as interval
from portdip.errors import (
    DamagedImageError,
    InvalidNumberError,
    InvalidRangeError,
    OutOfOrderError,
    UnknownRouteError,
)
from portdip.intervals import Codes, Numbers, Ordinals

ENTRY = 1 << 16


def build(numbers: npt.ArrayLike, codes: npt.ArrayLike, ranges: npt.ArrayLike, path: Path | str) -> None:
    """Write the twin's image: the same arguments and refusals as `portdip.index.build`."""
    interval.flatten(ranges)
    pairs = list(zip(np.asarray(numbers).tolist(), np.asarray(codes).tolist(), strict=True))
    previous = 0
    for row, (number, code) in enumerate(pairs):
        if not previous < number < 10**15:
            raise OutOfOrderError("number out of order", got=f"{previous}, then {number}", where=f"row {row}")
        if not 1 <= code <= 65_534:
            raise UnknownRouteError("no such route code", expected="1 to 65534", got=str(code), where=f"row {row}")
        previous = number
    rows = np.asarray(ranges, dtype=np.uint64).reshape(-1, 3).tolist()
    Path(path).write_text(json.dumps({"entries": pairs, "ranges": rows}))


class Index:
    """Numbers to route codes, by dict and by scan."""

    def __init__(self, entries: dict[int, int], ranges: list[tuple[int, int, int]]) -> None:
        self._entries = entries
        self._ranges = ranges

    @classmethod
    def open(cls, path: Path | str, resident: bool = False) -> Index:
        """Read an image that this module's `build` wrote."""
        try:
            image = json.loads(Path(path).read_text())
        except ValueError as error:
            raise DamagedImageError("not an image", where=str(path)) from error
        return cls(dict(image["entries"]), [tuple(row) for row in image["ranges"]])

    def __getitem__(self, number: int) -> int:
        return self.match(number) & 0xFFFF

    def __contains__(self, number: int) -> bool:
        return number in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def nbytes(self) -> int:
        """A guess at the memory of the dict and the list."""
        return 100 * (len(self._entries) + len(self._ranges))

    def count(self, first: int, last: int) -> int:
        """How many of the numbers `first` to `last` have an entry of their own."""
        return sum(first <= number <= last for number in self._entries)

    def match(self, number: int) -> int:
        """The code, plus ENTRY if the number has an entry of its own."""
        if number in self._entries:
            return self._entries[number] | ENTRY
        return self.range_code(number)

    def range_code(self, number: int) -> int:
        """The code of the innermost range around the number, whatever its own entry says; 0 for none."""
        around = [(last - first, code) for first, last, code in self._ranges if first <= number <= last]
        return min(around)[1] if around else 0

    def find_many(self, numbers: Numbers, out: Codes | None = None, threads: int = 1) -> Codes:
        """The code of each number: its own, else its range's, else 0."""
        result = np.empty(len(numbers), dtype=np.uint16) if out is None else out
        result[:] = [self[number] for number in numbers.tolist()]
        return result

    def match_many(
        self, numbers: Numbers, out: npt.NDArray[np.uint32] | None = None, threads: int = 1
    ) -> npt.NDArray[np.uint32]:
        """As find_many, plus ENTRY where the number has an entry of its own."""
        result = np.empty(len(numbers), dtype=np.uint32) if out is None else out
        result[:] = [self.match(number) for number in numbers.tolist()]
        return result


Entry = tuple[int, int, int]  # number, code, ordinal
Range = tuple[int, int, int, int]  # first, last, code, ordinal
Rule = tuple[int, int, int, Codes | None]  # ordinal, first, last, map


class Overlay:
    """All facts since the base, in the order in which they came."""

    def __init__(
        self, entries: tuple[Entry, ...] = (), ranges: tuple[Range, ...] = (), rules: tuple[Rule, ...] = ()
    ) -> None:
        self._entries, self._ranges = entries, ranges
        self.rules = tuple(sorted(rules, key=lambda rule: rule[0]))
        self._latest: dict[int, tuple[int, int]] = {}
        for number, code, ordinal in entries:
            self._latest[number] = max((ordinal, code), self.entry(number) or (0, 0))

    def __len__(self) -> int:
        return len(self._latest)

    @property
    def nbytes(self) -> int:
        """A guess at the memory of the tuples."""
        return 100 * (len(self._entries) + len(self._ranges)) + (1 << 17) * len(self.rules)

    def with_entries(self, numbers: Numbers, codes: Codes, ordinals: Ordinals) -> Overlay:
        """An overlay with these entries too."""
        added = tuple(zip(numbers.tolist(), codes.tolist(), ordinals.tolist(), strict=True))
        for row, (number, code, ordinal) in enumerate(added):
            if not 0 < number < 10**15:
                raise InvalidNumberError("no number", got=str(number), where=f"row {row}")
            _check_fact(code, ordinal, row)
        return Overlay(self._entries + added, self._ranges, self.rules)

    def with_ranges(self, first: Numbers, last: Numbers, codes: Codes, ordinals: Ordinals) -> Overlay:
        """An overlay with these ranges too."""
        added = tuple(zip(first.tolist(), last.tolist(), codes.tolist(), ordinals.tolist(), strict=True))
        for row, (begin, end, code, ordinal) in enumerate(added):
            if not 0 < begin <= end < 10**15 or len(str(begin)) != len(str(end)):
                raise InvalidRangeError("not a range", got=f"{begin} to {end}", where=f"range {row}")
            _check_fact(code, ordinal, row)
        return Overlay(self._entries, self._ranges + added, self.rules)

    def with_rule(self, ordinal: int, first: int, last: int, codes: Codes | None) -> Overlay:
        """An overlay with this rule too."""
        if not 0 <= first <= last < 1 << 64:
            raise InvalidRangeError("not a range", got=f"{first} to {last}")
        if codes is not None and (codes[0] != 0 or codes[1:-1].min() == 0 or codes[1:-1].max() == 65_535):
            raise UnknownRouteError("a map takes codes away or makes them up")
        for other in self.rules:
            if other[0] == ordinal:
                same = codes is None if other[3] is None else codes is not None and np.array_equal(other[3], codes)
                if same and other[:3] == (ordinal, first, last):
                    return self
                raise ValueError(f"two rules have the ordinal {ordinal}")
        return Overlay(
            self._entries, self._ranges, (*self.rules, (ordinal, first, last, None if codes is None else codes.copy()))
        )

    def entry(self, number: int) -> tuple[int, int] | None:
        """Ordinal and code of the number's latest entry."""
        return self._latest.get(number)

    def range(self, number: int) -> tuple[int, int] | None:
        """Ordinal and code of the latest range around the number."""
        around = [(ordinal, code) for first, last, code, ordinal in self._ranges if first <= number <= last]
        return max(around, default=None)

    def numbers(self) -> Numbers:
        """The numbers with an entry here, in no order."""
        return np.array([*self._latest], dtype=np.uint64)

    def entries(self) -> tuple[Numbers, Codes, Ordinals]:
        """The entry that counts of each number."""
        rows = sorted((number, code, ordinal) for number, (ordinal, code) in self._latest.items())
        numbers, codes, ordinals = np.array(rows, dtype=np.uint64).reshape(-1, 3).T
        return numbers, codes.astype(np.uint16), ordinals.astype(np.uint32)

    def ranges(self) -> tuple[Numbers, Numbers, Codes, Ordinals]:
        """Disjoint intervals in order, each with the range that counts there."""
        edges = {edge for first, last, _, _ in self._ranges for edge in (first, last + 1)}
        pieces: list[list[int]] = []
        cells = sorted(edges | {10**digits for digits in range(16)})
        for first, after in itertools.pairwise(cells):
            latest = self.range(first)
            if latest is None:
                continue
            ordinal, code = latest
            if pieces and pieces[-1][1:] == [first - 1, code, ordinal] and len(str(first - 1)) == len(str(first)):
                pieces[-1][1] = after - 1
            else:
                pieces.append([first, after - 1, code, ordinal])
        first, last, codes, ordinals = np.array(pieces, dtype=np.uint64).reshape(-1, 4).T
        return first, last, codes.astype(np.uint16), ordinals.astype(np.uint32)


def _check_fact(code: int, ordinal: int, row: int) -> None:
    if code > 65_534:
        raise UnknownRouteError("no such route code", expected="0 to 65534", got=str(code), where=f"row {row}")
    if ordinal == 0:
        raise ValueError(f"ordinals start at 1, row {row} has 0")


class LiveIndex(Index):
    """A base index with the changes of an overlay."""

    def __init__(self, base: Index, overlay: Overlay) -> None:
        self.base = base
        self.overlay = overlay

    def __contains__(self, number: int) -> bool:
        return self._own_code(number) != 0

    def __len__(self) -> int:
        return sum(number in self for number in {*self.base._entries, *self.overlay.entries()[0].tolist()})

    @property
    def nbytes(self) -> int:
        """A guess at the memory of both."""
        return self.base.nbytes + self.overlay.nbytes

    def match(self, number: int) -> int:
        """The code, plus ENTRY if the number has an entry of its own."""
        own = self._own_code(number)
        return own | ENTRY if own else self.range_code(number)

    def range_code(self, number: int) -> int:
        """The code of the range around the number, whatever its own entry says; 0 for none."""
        ordinal, code = self.overlay.range(number) or (0, self.base.range_code(number))
        for _, codes in self._later_rules(number, ordinal):
            code = code if codes is None else int(codes[code])
        return code

    def range_codes(self, numbers: Numbers) -> Codes:
        """The code of the range around each number, whatever its own entry says; 0 for none."""
        return np.array([self.range_code(number) for number in numbers.tolist()], dtype=np.uint16)

    def _own_code(self, number: int) -> int:
        ordinal, code = self.overlay.entry(number) or (0, self.base._entries.get(number, 0))
        for _, codes in self._later_rules(number, ordinal):
            code = 0 if codes is None else int(codes[code])
        return code

    def _later_rules(self, number: int, ordinal: int) -> list[tuple[int, Codes | None]]:
        """The rules that a fact about the number has seen, in their order."""
        return [
            (later, codes)
            for later, first, last, codes in self.overlay.rules
            if later > ordinal and first <= number <= last
        ]
