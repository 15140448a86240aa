"""Who moved: numbers, and ranges, that another carrier serves at the later of two states, or of two moments.

Two states of the table are asked what they say of every number that has an entry of its own in either, and of every
range; what they say differently has moved. Two moments are asked of the history in the same way, with what is known
today. A change of the routing number only is no move. A number without an entry at both moved with its range, and is
told there.

>>> from tempfile import TemporaryDirectory
>>> from portdip.lookup.load import init_store
>>> with TemporaryDirectory() as place:
...     store = init_store(f"{place}/store", "example")
...     with store.writer() as writer:
...         writer.port("+8613800001234", "CUCC", "0B17")
...     with store.writer() as writer:
...         writer.port("+8613800001234", "CTCC", "0D08")
...     found = moved(state_at(store, 1), state_at(store, 2), Wanted("CTCC", out=False)).read_all()
>>> found.column("from_carrier").to_pylist(), found.column("to_carrier").to_pylist()
(['CUCC'], ['CTCC'])
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from portdip.index import ENTRY
from portdip.lookup import past_columns
from portdip.lookup.answers import STATUSES
from portdip.lookup.generation import Generation
from portdip.lookup.instants import Said
from portdip.lookup.past_columns import NEVER_SAID, Past
from portdip.lookup.reverse import SLICE_ROWS, Codes, Mask, Matches, Numbers, chosen, entries, range_edges, texts, union
from portdip.lookup.state import State
from portdip.lookup.timeline import Timeline
from portdip.number import LIMIT
from portdip.table.store import Store

_TEXTS = pa.dictionary(pa.int32(), pa.string())
_SIDES = [pa.field(f"{side}_{name}", _TEXTS) for side in ("from", "to") for name in ("carrier", "routing_number")]

#: A range or a number (`first` and `last` are the same) that moved: who served it and who does, null for nobody, and
#: what it is now. The ranges come first.
MOVED = pa.schema(
    [
        pa.field("first", pa.uint64(), nullable=False),
        pa.field("last", pa.uint64(), nullable=False),
        *_SIDES,
        pa.field("status", pa.dictionary(pa.int8(), pa.string())),
    ]
)


_NONE: Numbers = np.empty(0, dtype=np.uint64)


def state_at(store: Store, sequence: int) -> Generation:
    """The table as it was at `sequence`, and answered when the delta of that sequence was made.

    From a snapshot that is kept, and the deltas after it. Raises StoreError where none leads there, and as opening
    the store does.
    """
    snapshot = store.snapshot(store.leading_to(sequence))
    deltas = []
    for delta in store.chain.after(snapshot.manifest.head):
        if delta.sequence > sequence:
            break
        deltas.append(delta)
    moment = max([snapshot.manifest.as_of, *(delta.header.created for delta in deltas)])
    state = State(snapshot, False, moment)
    state.take(deltas, moment)
    return state.generation()


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which moves are asked for: all, or those of one carrier (by id), to it (`into`), away from it (`out`) or both."""

    carrier: str | None = None
    into: bool = True
    out: bool = True

    def picker(self, after: Generation) -> Callable[[Codes, Codes], Mask]:
        """What tells which pairs of codes, before and after, are such moves. Raises UnknownCarrierError."""
        carrier = after.labels.indices[:, 0].copy()
        carrier[0] = -1
        mask = chosen(after, carrier=self.carrier)
        mask[0] = self.carrier is None

        def pick(old: Codes, new: Codes) -> Mask:
            picked: Mask = ((self.into & mask[new]) | (self.out & mask[old])) & (carrier[old] != carrier[new])
            return picked

        return pick


def moved(before: Generation, after: Generation, wanted: Wanted) -> pa.RecordBatchReader:
    """The ranges, then the numbers with an entry in either state, that moved between them; schema MOVED, in order.

    `before` is an earlier state of the same store. Reads the tables of both; where they begin with one snapshot and
    have seen the same mass changes, only what has changed since it. Raises UnknownCarrierError.
    """
    pick = wanted.picker(after)

    def batches() -> Iterator[pa.RecordBatch]:
        edges = union(range_edges(before), range_edges(after))
        ends = np.append(edges[1:], np.uint64(LIMIT)) - np.uint64(1)
        held = before.index.range_codes(edges), after.index.range_codes(edges)
        yield from _moves(after, pick, edges, ends, *held)
        for numbers in _with_an_entry(before, after):
            old, new = before.index.match_many(numbers), after.index.match_many(numbers)
            own = (old | new) >= ENTRY
            yield from _moves(after, pick, numbers[own], numbers[own], old[own], new[own])

    return pa.RecordBatchReader.from_batches(MOVED, batches())


def moved_between(store: Store, timeline: Timeline, since: int, until: int, wanted: Wanted) -> pa.RecordBatchReader:
    """What moved between two moments (microseconds since 1970, UTC), as `moved` says it, from the store's history.

    Each is answered as `Engine.dip(number, at=...)` answers. Reads the table; asks of all numbers where a mass change
    or the release of an interval took effect in between, else of those only of which something was said. Raises
    UnknownCarrierError, and as `Timeline.of` does.
    """
    generation = timeline.generation
    pick = wanted.picker(generation)
    known = past_columns.read(store, generation)

    def batches() -> Iterator[pa.RecordBatch]:
        edges = union(range_edges(generation), _edges(known))
        ends = np.append(edges[1:], np.uint64(LIMIT)) - np.uint64(1)
        held = [timeline.range_codes(edges, np.full(len(edges), moment)) for moment in (since, until)]
        yield from _moves(generation, pick, edges, ends, *held)
        for numbers in _told(store, generation, known, since, until):
            old, new = (timeline.match_many(numbers, np.full(len(numbers), moment)) for moment in (since, until))
            own = (old | new) >= ENTRY
            yield from _moves(generation, pick, numbers[own], numbers[own], old[own], new[own])

    return pa.RecordBatchReader.from_batches(MOVED, batches())


def _edges(known: Past) -> Numbers:
    """Every number at which a range of the past may have begun, or a mass change, in order."""
    rules = np.array([(rule.first, rule.last) for rule in known.rules], dtype=np.uint64).reshape(-1, 2)
    one = np.uint64(1)
    edges = np.unique(np.concatenate([known.ranges.first, known.ranges.last + one, rules[:, 0], rules[:, 1] + one]))
    inside: Numbers = edges[(edges > 0) & (edges < LIMIT)]
    return inside


def _told(store: Store, generation: Generation, known: Past, since: int, until: int) -> Iterator[Numbers]:
    """The numbers whose own entry may not be the same at two moments, in order, a slice at a time."""
    released = np.where(known.releases.effective == NEVER_SAID, known.releases.created, known.releases.effective)
    swept = [*(rule.starts for rule in known.rules), *released.tolist()]
    if not any(since < moment <= until for moment in swept):
        for found in Said(store, generation, since, until).instants():
            yield np.unique(found.number)
        return
    # Whatever happened to a number: it is in the table now, or something was said of it.
    every = np.ones(1 << 16, dtype=bool)
    said = (np.unique(found.number) for found in Said(store, generation, NEVER_SAID, until).instants())
    yield from _merged([(numbers for numbers, _ in entries(generation, every)), said])


def _moves(
    after: Generation,
    pick: Callable[[Codes, Codes], Mask],
    first: Numbers,
    last: Numbers,
    old: Codes | Matches,
    new: Codes | Matches,
) -> Iterator[pa.RecordBatch]:
    """Of some intervals and what they were and are, those that moved."""
    codes = [(matches & (ENTRY - 1)).astype(np.uint16) for matches in (old, new)]
    picked = pick(*codes)
    if picked.any():
        sides = [column for side in codes for column in texts(after.labels, side[picked])]
        status = np.where(new >= ENTRY, 0, np.where(new == 0, 2, 1)).astype(np.int8)[picked]
        columns = [first[picked], last[picked], *sides, pa.DictionaryArray.from_arrays(status, STATUSES)]
        yield pa.record_batch(columns, schema=MOVED)


def _with_an_entry(before: Generation, after: Generation) -> Iterator[Numbers]:
    """The numbers with an entry in either state that may not say the same, in order, a slice at a time."""
    if before.snapshot.path == after.snapshot.path and _rules(before) == _rules(after):
        overlays = (np.sort(state.index.overlay.numbers()) for state in (before, after))
        changed = union(*overlays)
        for begin in range(0, len(changed), SLICE_ROWS):
            yield changed[begin : begin + SLICE_ROWS]
        return
    every = np.ones(1 << 16, dtype=bool)
    yield from _merged([(numbers for numbers, _ in entries(state, every)) for state in (before, after)])


def _merged(columns: list[Iterator[Numbers]]) -> Iterator[Numbers]:
    """The numbers of two columns in order as one in order, each once, however they are cut into slices."""
    slices = [filter(len, column) for column in columns]
    heads = [next(column, _NONE) for column in slices]
    while any(map(len, heads)):
        bound = min(head[-1] for head in heads if len(head))
        counts = [int(np.searchsorted(head, bound, side="right")) for head in heads]
        yield union(*(head[:count] for head, count in zip(heads, counts, strict=True)))
        heads = [
            head[count:] if count < len(head) else next(column, _NONE)
            for head, count, column in zip(heads, counts, slices, strict=True)
        ]


def _rules(state: Generation) -> list[int]:
    """Which mass changes a state has seen since its snapshot."""
    return [rule[0] for rule in state.index.overlay.rules]
