"""Where two tables of numbers differ, a row a number: this side, that side, and the classes of the difference.

    A  there is no such entry there                 E  another range holder (a row an interval)
    B  there is no such entry here                  F  another effective time
    C  another carrier or routing number            G  the number is there more than once
    D  another donor                                H  the number is in no range

"There" is the authority's dump, or the other node. A number may be in several classes: its row says `CF`. A and B to
F are differences; G and H say that something is odd about a number, on whichever side, and may come alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from portdip.table import schema
from portdip.table.catalogue import Labels
from portdip.table.nested import Nest
from portdip.table.reconciling.digests import Mask, Numbers, Particulars, is_in

Codes = npt.NDArray[np.uint16]

#: What each class means, in a few words.
CLASSES = {
    "A": "missing there",
    "B": "missing here",
    "C": "another carrier or routing number",
    "D": "another donor",
    "E": "another range holder",
    "F": "another effective time",
    "G": "more than once there",
    "H": "outside every range",
}

DIFFERENCES = pa.schema(
    [
        pa.field("classes", pa.string(), nullable=False),
        pa.field("number", pa.uint64(), nullable=False),
        pa.field("last", pa.uint64()),  # of an interval; null for a single number
        pa.field("carrier", pa.string()),  # here; null where there is no entry, or nobody holds the interval
        pa.field("routing_number", pa.string()),
        pa.field("donor", pa.string()),
        pa.field("effective", schema.NUMBERS.field("effective").type),
        pa.field("their_carrier", pa.string()),
        pa.field("their_routing_number", pa.string()),
        pa.field("their_donor", pa.string()),
        pa.field("their_effective", schema.NUMBERS.field("effective").type),
        pa.field("where", pa.string()),  # the rows of a number that is there more than once
    ]
)

_BITS = {letter: 1 << place for place, letter in enumerate(CLASSES)}
#: The letters of every combination of bits.
_LETTERS = pa.array(["".join(letter for letter, bit in _BITS.items() if bits & bit) for bits in range(256)])
_SIDE = ("carrier", "routing_number", "donor", "effective")
_NO_ROWS = pa.RecordBatch.from_pylist([], schema=schema.NUMBERS)
_NOT_KNOWN = np.iinfo(np.int64).min
#: Where numbers get longer.
_LENGTHS = np.array([10**digits for digits in range(1, 16)], dtype=np.uint64)


def of_numbers(
    ours: pa.RecordBatch, theirs: pa.RecordBatch, looked_at: Particulars, plan: Nest, labels: Labels
) -> pa.RecordBatch:
    """The differences between rows of both sides, schema `schema.NUMBERS`, each in order and over the same interval."""
    number = np.union1d(ours.column("number").to_numpy(), theirs.column("number").to_numpy())
    here, there = _rows_of(number, ours), _rows_of(number, theirs)
    both = (here >= 0) & (there >= 0)
    bits = np.zeros(len(number), dtype=np.uint8)
    bits[there < 0] |= _BITS["A"]
    bits[here < 0] |= _BITS["B"]
    columns = {"C": "route"} | ({"D": "donor"} if looked_at.donors else {})
    columns |= {"F": "effective"} if looked_at.times else {}
    for letter, name in columns.items():
        other = np.zeros(len(number), dtype=bool)
        other[both] = _values(ours, name)[here[both]] != _values(theirs, name)[there[both]]
        bits[other] |= _BITS[letter]
    bits[outside(number, plan)] |= _BITS["H"]
    differ = bits != 0
    sides = [_side(rows, places[differ], labels) for rows, places in ((ours, here), (theirs, there))]
    return _batch(bits[differ], number[differ], sides)


def of_plan(rows: pa.RecordBatch, plan: Nest, labels: Labels) -> pa.RecordBatch:
    """Those of rows that are the same on both sides whose number is in no range."""
    odd = outside(rows.column("number").to_numpy(), plan)
    rows = rows.filter(pa.array(odd))
    side = _side(rows, np.arange(len(rows)), labels)
    bits = np.full(len(rows), _BITS["H"], dtype=np.uint8)
    return _batch(bits, rows.column("number").to_numpy(), [side, side])


def of_ranges(ours: Nest, theirs: Nest, labels: Labels) -> pa.RecordBatch:
    """The intervals, as long as can be, that have another holder here than there; both sides are flat."""
    first, last, here, there = _pieces(ours, theirs)
    joins = (here[1:] == here[:-1]) & (there[1:] == there[:-1]) & ~is_in(first[1:], _LENGTHS)
    begins = np.flatnonzero(np.append(True, ~joins))
    closes = np.append(begins[1:], len(first)) - 1
    first, last, here, there = first[begins], last[closes], here[begins], there[begins]
    differ = here != there
    count = int(differ.sum())
    sides = []
    for codes in (here[differ], there[differ]):
        code = pa.array(codes)
        sides.append([labels.carriers.take(code), labels.routing_numbers.take(code), *_nothing(count)[2:]])
    return _batch(np.full(count, _BITS["E"], np.uint8), first[differ], sides, last=pa.array(last[differ]))


def numbers_held(ours: Nest, theirs: Nest) -> int:
    """How many numbers are in a range of either side."""
    first, last, here, there = _pieces(ours, theirs)
    held = (here != 0) | (there != 0)
    return int((last - first + np.uint64(1))[held].sum())


def of_repeats(repeats: list[tuple[int, str]]) -> pa.RecordBatch:
    """Numbers that are there more than once, each with a text that says where."""
    numbers = np.array([number for number, _ in repeats], dtype=np.uint64)
    where = pa.array([where for _, where in repeats], pa.string())
    bits = np.full(len(repeats), _BITS["G"], dtype=np.uint8)
    return _batch(bits, numbers, [_nothing(len(repeats))] * 2, where=where)


def outside(numbers: Numbers, plan: Nest) -> Mask:
    """Which of some numbers in order are in no range; none where there are no ranges at all."""
    first, last = plan.first, plan.last
    if not len(numbers) or not len(first):
        return np.zeros(len(numbers), dtype=bool)
    # The ranges around the numbers, which are far fewer: mostly it is enough to count what they hold.
    near = slice(np.searchsorted(last, numbers[0]), np.searchsorted(first, numbers[-1], side="right"))
    first, last = first[near], last[near]
    begins, ends = np.searchsorted(numbers, first), np.searchsorted(numbers, last, side="right")
    if (ends - begins).sum() == len(numbers):
        return np.zeros(len(numbers), dtype=bool)
    return _place_in(numbers, first, last) < 0


def side_by_side(
    ours: Iterator[pa.RecordBatch], theirs: Iterator[pa.RecordBatch]
) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
    """Rows of two tables in order, schema `schema.NUMBERS`, in pairs of batches that end at one number."""
    sides = [_Side(ours), _Side(theirs)]
    while bounds := [side.last for side in sides if side.last is not None]:
        here, there = (side.up_to(min(bounds)) for side in sides)
        yield here, there


class _Side:
    """One of two tables that are read together; `last` is the last number at hand, None at the end."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = (batch for batch in batches if len(batch))
        self._held: pa.RecordBatch = next(self._batches, _NO_ROWS)
        self.last = _last_number(self._held)

    def up_to(self, bound: int) -> pa.RecordBatch:
        """The rows at hand up to the number `bound`."""
        rows = self._held
        if self.last is None or self.last <= bound:
            self._held = next(self._batches, _NO_ROWS)
            self.last = _last_number(self._held)
            return rows
        numbers: Numbers = rows.column("number").to_numpy()
        count = int(np.searchsorted(numbers, np.uint64(bound), side="right"))
        self._held = rows.slice(count)
        return rows.slice(0, count)


def _last_number(rows: pa.RecordBatch) -> int | None:
    return rows.column("number")[-1].as_py() if len(rows) else None


def _pieces(ours: Nest, theirs: Nest) -> tuple[Numbers, Numbers, Codes, Codes]:
    """The whole space of numbers cut so that a piece has one holder here and one there: first, last, both codes."""
    edges = np.concatenate([ours.first, theirs.first, ours.last + np.uint64(1), theirs.last + np.uint64(1), _LENGTHS])
    edges = np.unique(edges)
    first, last = edges[:-1], edges[1:] - np.uint64(1)
    return first, last, _holders(first, ours), _holders(first, theirs)


def _rows_of(numbers: Numbers, rows: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """The row of each of some numbers, among them those of all rows; -1 where there is none."""
    places = np.full(len(numbers), -1, dtype=np.int64)
    places[np.searchsorted(numbers, rows.column("number").to_numpy())] = np.arange(len(rows))
    return places


def _place_in(numbers: Numbers, first: Numbers, last: Numbers) -> npt.NDArray[np.int64]:
    """Which of some disjoint intervals holds each number, -1 where none does."""
    place = np.searchsorted(first, numbers, side="right").astype(np.int64) - 1
    held = place >= 0
    held[held] = numbers[held] <= last[place[held]]
    return np.where(held, place, -1)


def _holders(numbers: Numbers, ranges: Nest) -> Codes:
    """The route code of each number's range, 0 where it is in none."""
    return np.append(ranges.code, np.uint16(0))[_place_in(numbers, ranges.first, ranges.last)]


def _values(rows: pa.RecordBatch, name: str) -> npt.NDArray[np.int64]:
    values: npt.NDArray[np.int64] = rows.column(name).cast(pa.int64()).fill_null(_NOT_KNOWN).to_numpy()
    return values


def _side(rows: pa.RecordBatch, places: npt.NDArray[np.int64], labels: Labels) -> list[pa.Array]:
    """What one side says in the rows at `places`, in the columns of DIFFERENCES; nulls for -1."""
    at = pa.array(places, mask=places < 0)
    route, donor, effective = (rows.column(name).take(at) for name in ("route", "donor", "effective"))
    return [labels.carriers.take(route), labels.routing_numbers.take(route), labels.donors.take(donor), effective]


def _nothing(count: int) -> list[pa.Array]:
    """A side that says nothing."""
    return [pa.nulls(count, DIFFERENCES.field(name).type) for name in _SIDE]


def _batch(
    bits: npt.NDArray[np.uint8],
    number: Numbers,
    sides: list[list[pa.Array]],
    last: pa.Array | None = None,
    where: pa.Array | None = None,
) -> pa.RecordBatch:
    count = len(number)
    last = pa.nulls(count, pa.uint64()) if last is None else last
    where = pa.nulls(count, pa.string()) if where is None else where
    columns = [_LETTERS.take(pa.array(bits)), number, last, *sides[0], *sides[1], where]
    return pa.record_batch(columns, schema=DIFFERENCES)
