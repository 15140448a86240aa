"""The plain twin of the compiled index: simple and slow, and the oracle of every property test.

A dict of exact entries and a list of ranges scanned from end to end; nothing here is clever, so that what it answers
is what the words of the contract say. Same methods and errors as `portdip.index`.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from portdip.errors import DamagedImageError, OutOfOrderError, UnknownRouteError
from portdip.index import ranges as interval
from portdip.index.ranges import Codes, Numbers

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
