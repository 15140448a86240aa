"""Routes to numbers: what a carrier, or a routing number, serves now; and how much of a range its holder still serves.

A carrier serves the numbers ported to it, each of which has an entry of its own, and what is left of the ranges that it
holds once the numbers ported away are taken off. Numbers are read from the table a slice at a time, those with changes
since beside them, and the index itself is asked what each of them is now: so the answers are those of dips. Memory does
not grow with the table. All functions may be called from any thread.

>>> from tempfile import TemporaryDirectory
>>> from portdip import open_engine
>>> from portdip.lookup.load import init_store
>>> with TemporaryDirectory() as place:
...     with init_store(f"{place}/store", "example").writer() as writer:
...         writer.assign(861380_0000000, 861380_0009999, "CMCC")
...         writer.port("+8613800001234", "CUCC", "0B17")
...     engine = open_engine(f"{place}/store")
...     print(count(engine.generation, chosen(engine.generation, carrier="CMCC")))
...     engine.served(routing_number="0B17").read_all().column("first").to_pylist()
Served(ported=0, native=9999, ranges=1)
[8613800001234]
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from portdip.errors import UnknownCarrierError
from portdip.index import ENTRY
from portdip.lookup.answers import Labels
from portdip.lookup.generation import Generation
from portdip.number import DIGITS_MAX, LIMIT
from portdip.route import Status
from portdip.table.nested import Nest

Numbers = npt.NDArray[np.uint64]
Matches = npt.NDArray[np.uint32]
Codes = npt.NDArray[np.uint16]
Mask = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]

#: Rows handled at a time: a few of their columns fit in the nearer caches.
SLICE_ROWS = 1 << 17
_CODES = 1 << 16
_POWERS = np.array([10**digits for digits in range(DIGITS_MAX)], dtype=np.uint64)

_TEXTS = pa.dictionary(pa.int32(), pa.string())
_STATUSES = pa.array([Status.NATIVE, Status.PORTED], pa.string())

#: What a carrier serves: a row for each range it holds (`native`) and for each number ported to it (`ported`).
SERVED = pa.schema(
    [
        pa.field("first", pa.uint64(), nullable=False),
        pa.field("last", pa.uint64(), nullable=False),
        pa.field("numbers", pa.uint64(), nullable=False),
        pa.field("status", pa.dictionary(pa.int8(), pa.string())),
        pa.field("carrier", _TEXTS),
        pa.field("routing_number", _TEXTS),
        pa.field("range_holder", _TEXTS),
    ]
)

#: Of each range, how many of its numbers the holder serves and how many others do.
UTILIZATION = pa.schema(
    [
        pa.field("first", pa.uint64(), nullable=False),
        pa.field("last", pa.uint64(), nullable=False),
        pa.field("carrier", _TEXTS),
        pa.field("routing_number", _TEXTS),
        pa.field("numbers", pa.uint64(), nullable=False),
        pa.field("native", pa.uint64(), nullable=False),
        pa.field("own_entries", pa.uint64(), nullable=False),
        pa.field("ported_out", pa.uint64(), nullable=False),
    ]
)


@dataclass(frozen=True, slots=True)
class Served:
    """How many numbers some routes serve: `ported` have an entry, `native` are what is left of `ranges` ranges."""

    ported: int
    native: int
    ranges: int

    @property
    def numbers(self) -> int:
        """All of them."""
        return self.ported + self.native


def chosen(generation: Generation, *, carrier: str | None = None, routing_number: str | None = None) -> Mask:
    """The route codes of a carrier (by id), of a routing number, or of both at once; all of them for neither.

    A mask of shape (65536,). Raises UnknownCarrierError where the table has no such carrier or routing number.
    """
    routes = generation.routes
    mask = np.zeros(_CODES, dtype=bool)
    for code, route in routes.items():
        mask[code] = carrier in (None, route.carrier.id) and routing_number in (None, route.routing_number)
    if not mask.any():
        ids = {route.carrier.id for route in routes.values()} | set(generation.snapshot.carriers)
        if carrier is not None and carrier not in ids:
            raise _unknown("carrier", carrier, ids)
        digits = {route.routing_number for route in routes.values()}
        if routing_number is not None and routing_number not in digits:
            raise _unknown("routing number", routing_number, digits)
    return mask


def entries(generation: Generation, mask: Mask) -> Iterator[tuple[Numbers, Codes]]:
    """The numbers that have an entry of their own with a route of `mask`, in order, and their codes; slice by slice."""
    index = generation.index
    may_have = _before_rules(mask, index.overlay.rules)
    changed = np.sort(index.overlay.numbers())
    taken = 0
    for numbers, codes in _rows(generation):
        upto = int(np.searchsorted(changed, numbers[-1], side="right"))
        yield _now(generation, mask, union(numbers[may_have[codes]], changed[taken:upto]))
        taken = upto
    for begin in range(taken, len(changed), SLICE_ROWS):
        yield _now(generation, mask, changed[begin : begin + SLICE_ROWS])


def ranges(generation: Generation) -> Nest:
    """Who holds what now: intervals side by side in order, none across two lengths of numbers, code 0 for nobody's.

    An interval begins and ends where the plan says, though its neighbour have the same holder.
    """
    begins = range_edges(generation)
    ends = np.append(begins[1:], np.uint64(LIMIT)) - np.uint64(1)
    return Nest(begins, ends, generation.index.range_codes(begins))


def range_edges(generation: Generation) -> Numbers:
    """Every number at which another range may begin, in order; 1 is the first."""
    base, overlay = Nest.of(generation.snapshot.ranges), generation.index.overlay
    first, last, _, _ = overlay.ranges()
    rules = np.array([rule[1:3] for rule in overlay.rules], dtype=np.uint64).reshape(-1, 2)
    one = np.uint64(1)
    edges = [base.first, base.last + one, first, last + one, rules[:, 0], rules[:, 1] + one, _POWERS]
    every = np.unique(np.concatenate(edges))
    inside: Numbers = every[(every > 0) & (every < LIMIT)]
    return inside


def utilization(generation: Generation, mask: Mask) -> pa.Table:
    """The ranges whose holder's route is in `mask`, schema UTILIZATION: how many of their numbers who serves.

    `native` are served by the holder because the range is its own, `own_entries` by the holder through an entry (a
    number that came back, or has another routing number than its range), `ported_out` by others; together they are
    `numbers`. Reads the table once.
    """
    held, total, own, _ = _tally(generation, mask)
    wanted = np.flatnonzero(mask[held.code] & (held.code != 0))
    first, last, code = held.where(wanted)
    size = last - first + np.uint64(1)
    inside, of_holder = total[wanted].astype(np.uint64), own[wanted].astype(np.uint64)
    columns = [first, last, *texts(generation.labels, code), size, size - inside, of_holder, inside - of_holder]
    return pa.table(columns, schema=UTILIZATION)


def count(generation: Generation, mask: Mask) -> Served:
    """How many numbers the routes of `mask` serve. Reads the table once."""
    held, total, _, ported = _tally(generation, mask)
    wanted = mask[held.code] & (held.code != 0)
    size = (held.last - held.first)[wanted].astype(np.int64) + 1
    return Served(ported, int((size - total[wanted]).sum()), int(np.count_nonzero(wanted)))


def served(generation: Generation, mask: Mask, *, ported_only: bool = False) -> pa.RecordBatchReader:
    """What the routes of `mask` serve, schema SERVED: first the ranges, then the numbers ported, each in order.

    `numbers` says how many numbers of a row they serve: of a range the native ones, of a ported number 1; the sum of
    the column is all that they serve. `ported_only` leaves out the ranges, and need not read the numbers of others.
    """

    def batches() -> Iterator[pa.RecordBatch]:
        if not ported_only:
            yield from _as_served(generation, utilization(generation, mask))
        for numbers, codes in entries(generation, mask):
            if len(numbers):
                yield _ported(generation, numbers, codes)

    return pa.RecordBatchReader.from_batches(SERVED, batches())


def union(one: Numbers, other: Numbers) -> Numbers:
    """The numbers of two columns, both of them in order and without repeats."""
    if not len(other):
        return one
    place = np.searchsorted(one, other)
    fresh = np.append(one, np.uint64(0))[place] != other
    return np.insert(one, place[fresh], other[fresh])


def texts(labels: Labels, codes: Codes) -> list[pa.Array]:
    """Carrier (its id) and routing number of each code, as dictionaries; null for 0."""
    absent = codes == 0
    places = labels.indices[codes]
    return [
        pa.DictionaryArray.from_arrays(pa.array(places[:, column].copy(), mask=absent), values)
        for column, values in enumerate((labels.carriers, labels.routing_numbers))
    ]


def _rows(generation: Generation) -> Iterator[tuple[Numbers, Codes]]:
    """Numbers and codes of the table that the overlay changes, a slice at a time."""
    for batch in generation.snapshot.numbers.select(["number", "route"]).to_batches(max_chunksize=SLICE_ROWS):
        if len(batch):
            yield batch.column(0).to_numpy(), batch.column(1).to_numpy()


def _now(generation: Generation, mask: Mask, numbers: Numbers) -> tuple[Numbers, Codes]:
    """Those of the numbers that have an entry with a route of `mask` now."""
    matches: Matches = generation.index.match_many(numbers)
    codes = (matches & (ENTRY - 1)).astype(np.uint16)
    kept = (matches >= ENTRY) & mask[codes]
    return numbers[kept], codes[kept]


def _before_rules(mask: Mask, rules: tuple[tuple[int, int, int, Codes | None], ...]) -> Mask:
    """The codes that a number may have had before some mass changes to have one of `mask` after them."""
    may_have = mask.copy()
    for _, _, _, codes in reversed(rules):
        if codes is not None:
            may_have |= may_have[codes]
    return may_have


def _tally(generation: Generation, mask: Mask) -> tuple[Nest, Counts, Counts, int]:
    """All ranges; of each, how many of its numbers have an entry, and one of the holder; and the entries of `mask`."""
    held = ranges(generation)
    carrier = generation.labels.indices[:, 0]
    total, own = (np.zeros(len(held.first), dtype=np.int64) for _ in range(2))
    ported = 0
    for numbers, codes in entries(generation, np.ones(_CODES, dtype=bool)):
        if len(numbers):
            _count_by_range(held, carrier, numbers, codes, total, own)
            ported += int(np.count_nonzero(mask[codes]))
    return held, total, own, ported


def _count_by_range(
    held: Nest, carrier: npt.NDArray[np.int32], numbers: Numbers, codes: Codes, total: Counts, own: Counts
) -> None:
    """Add the entries of a slice to the counts of the ranges around them."""
    begin = int(np.searchsorted(held.first, numbers[0], side="right")) - 1
    end = int(np.searchsorted(held.first, numbers[-1], side="right"))
    counts = np.diff(np.append(np.searchsorted(numbers, held.first[begin:end]), len(numbers)))
    around = np.repeat(np.arange(end - begin), counts)
    of_holder = carrier[codes] == carrier[held.code[begin:end]][around]
    total[begin:end] += counts
    own[begin:end] += np.bincount(around[of_holder], minlength=end - begin)


def _as_served(generation: Generation, held: pa.Table) -> Iterator[pa.RecordBatch]:
    for batch in held.to_batches(max_chunksize=SLICE_ROWS):
        status = _status(len(batch), 0)
        shown = (batch.column(name) for name in ("first", "last", "native"))
        carrier = batch.column("carrier")
        yield pa.record_batch([*shown, status, carrier, batch.column("routing_number"), carrier], schema=SERVED)


def _ported(generation: Generation, numbers: Numbers, codes: Codes) -> pa.RecordBatch:
    column, label = pa.array(numbers), generation.labels
    holder, _ = texts(label, generation.index.range_codes(numbers))
    ones = pa.array(np.ones(len(numbers), dtype=np.uint64))
    return pa.record_batch(
        [column, column, ones, _status(len(numbers), 1), *texts(label, codes), holder], schema=SERVED
    )


def _status(count: int, place: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.full(count, place, dtype=np.int8)), _STATUSES)


def _unknown(what: str, asked: str, known: set[str]) -> UnknownCarrierError:
    near = difflib.get_close_matches(asked, sorted(known), n=1, cutoff=0.5)
    return UnknownCarrierError(
        f"the table has no such {what}",
        got=repr(asked),
        expected="an id as `portdip inspect --json` shows them" if what == "carrier" else "one of a route's",
        fix=f"Did you mean {near[0]}?" if near and near[0] else "",
    )
