"""A snapshot and what the chain has brought since, in memory: what generations are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from portdip.exchange.chain import Head
from portdip.exchange.delta import Delta
from portdip.index import Index, LiveIndex, Overlay
from portdip.lookup.answers import Labels
from portdip.lookup.generation import Generation
from portdip.route import Route
from portdip.table import facts
from portdip.table.facts import Facts
from portdip.table.outstanding import Outstanding, microseconds, moment_of
from portdip.table.snapshot import Snapshot


class State:
    """The table of `snapshot` and of the deltas taken since, at one moment that only goes forward. For one thread.

    `resident` as in `Index.open`. Raises StoreError or ImageError where the snapshot is damaged.
    """

    def __init__(self, snapshot: Snapshot, resident: bool, moment: datetime) -> None:
        self.snapshot = snapshot
        self.head: Head = snapshot.manifest.head
        self._as_of = snapshot.manifest.as_of
        self._moment = moment
        self._base = Index.open(snapshot.image, resident=resident)
        # Mapped now: whoever asks for them later gets them even where the snapshot has been removed since.
        self._mapped = snapshot.numbers, snapshot.ranges
        self._outstanding = Outstanding(snapshot)
        self._overlay = Overlay()
        self._to_come: list[Facts] = []
        self._next: int | None = None
        self._routes: Mapping[int, Route] = {}
        self._labels = Labels.of({})
        self._edition = -1
        self._generation: Generation | None = None
        self._settle(self._outstanding.facts)

    def take(self, deltas: Iterable[Delta], moment: datetime) -> None:
        """Take the next deltas of the chain, as of `moment`.

        What reading them raises, or RoutesFullError, comes through, and all before the one that cannot be had is taken.
        """
        found: list[Facts] = []
        try:
            for delta in deltas:
                found.append(self._outstanding.take(delta))
                self.head = Head.of(delta)
        finally:
            if found:
                self._as_of = max(self._as_of, self.head.created)
                self._moment = max(self._moment, moment)
                self._generation = None
                self._settle(facts.join(found))

    def activate(self, moment: datetime) -> None:
        """Let answer what takes effect up to `moment`. Costs nothing while there is nothing."""
        if self._next is not None and self._next <= microseconds(moment):
            arriving, self._to_come, self._next = facts.join(self._to_come), [], None
            self._moment = max(self._moment, moment)
            self._generation = None
            self._settle(arriving)

    def generation(self) -> Generation:
        """The state as dips read it; the same object as long as nothing has changed."""
        if self._generation is None:
            catalogue = self._outstanding.catalogue
            if catalogue.edition != self._edition:
                self._edition = catalogue.edition
                self._routes = catalogue.routes()
                self._labels = Labels.of(self._routes)
            self._generation = Generation(
                dataset=self.head.dataset,
                sequence=self.head.sequence,
                digest=self.head.digest,
                as_of=self._as_of,
                moment=self._moment,
                index=LiveIndex(self._base, self._overlay),
                routes=self._routes,
                labels=self._labels,
                snapshot=self.snapshot,
            )
        return self._generation

    @property
    def changed(self) -> int:
        """How many numbers have changed since the snapshot."""
        return len(self._overlay)

    @property
    def to_come(self) -> int:
        """How many changes wait for their moment."""
        return sum(len(part.entries) + len(part.ranges) + len(part.rules) for part in self._to_come)

    def _settle(self, found: Facts) -> None:
        """Move what is in force of some facts into the overlay, and keep the others."""
        in_force, to_come = found.in_force(microseconds(self._moment))
        if to_come:
            self._to_come.append(to_come)
            first = to_come.first_moment()
            self._next = first if self._next is None else min(self._next, first)
        if in_force:
            self._as_of = max(self._as_of, moment_of(in_force.last_moment()))
            self._overlay = _with(self._overlay, in_force)


def _with(overlay: Overlay, added: Facts) -> Overlay:
    entries, ranges = added.entries, added.ranges
    if len(entries):
        overlay = overlay.with_entries(entries.number, entries.code, entries.ordinal)
    if len(ranges):
        overlay = overlay.with_ranges(ranges.first, ranges.last, ranges.code, ranges.ordinal)
    for rule in added.rules:
        overlay = overlay.with_rule(rule.ordinal, rule.first, rule.last, rule.codes)
    return overlay
