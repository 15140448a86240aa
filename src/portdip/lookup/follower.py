"""From one generation to the next: what has come into the store since, and what takes effect now.

A Follower belongs to one engine and one thread; dips never wait for it. Each `refresh` looks for another live
snapshot, for deltas, and for changes accepted earlier whose moment has come; where there is something, a new
generation is made beside the old one and put in its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from portdip.errors import DamagedSnapshotError
from portdip.exchange.chain import Head
from portdip.exchange.delta import Delta
from portdip.lookup.generation import Generation
from portdip.lookup.state import State
from portdip.table.imported import announced
from portdip.table.store import Store

#: What becomes one generation when more is there at once: so many deltas, or as many as have so many rows.
_DELTAS_TOGETHER, _ROWS_TOGETHER = 256, 1 << 20


class Follower:
    """Keeps `generation` at the head of the store's chain. For one thread; `generation` may be read from any.

    Opening and refreshing raise StoreError, ImageError or DeltaError where the store is damaged, and RoutesFullError.
    """

    def __init__(self, store: Store, resident: bool, moment: datetime) -> None:
        self.store = store
        self._resident = resident
        self._chain = store.chain
        self._moment = moment
        self._marks = self._marked()
        self._state = self._opened()
        self.generation: Generation = self._state.generation()

    def refresh(self, moment: datetime) -> bool:
        """Go a step towards what the store says as of `moment` (UTC); whether there is a new generation.

        To be called again until there is none. What has taken effect stays so, should the clock go back. On an error
        the generation has come as far as it could, never back, and the next call tries again.
        """
        self._moment = max(self._moment, moment)
        try:
            marks = self._marked()
            if marks != self._marks:
                self._state = self._opened()
                self._marks = marks
        finally:
            new = self._go_on()
        return new

    @property
    def state(self) -> State:
        """What the generation is made of."""
        return self._state

    @property
    def changed(self) -> int:
        """How many numbers have changed since the snapshot that the generation began with."""
        return self._state.changed

    @property
    def to_come(self) -> int:
        """How many changes wait for their moment."""
        return self._state.to_come

    def _marked(self) -> list[tuple[int, int] | None]:
        """What is different once another snapshot is live, or the store is held or resumed."""
        found: list[tuple[int, int] | None] = []
        for path in self.store.turning_points:
            try:
                status = path.stat()
                found.append((status.st_ino, status.st_mtime_ns))
            except FileNotFoundError:
                found.append(None)
        return found

    def _opened(self) -> State:
        """The live snapshot, and all of the chain after it."""
        state = State(self.store.current(), self._resident, self._moment)
        while (further := self._further(state)) is not None:
            state = further
        return state

    def _go_on(self) -> bool:
        """Take the next deltas and what takes effect; whether there was anything."""
        try:
            self._state = self._further(self._state) or self._state
        finally:
            self._state.activate(self._moment)
            generation = self._state.generation()
            new = generation is not self.generation
            self.generation = generation
        return new

    def _further(self, state: State) -> State | None:
        """The state after the next deltas, or None if there are none: the same one, or that of an import."""
        if not self._chain.has(state.head.sequence + 1):
            return None
        before = state.head
        imports: list[Delta] = []
        state.take(self._changes(before, imports), self._moment)
        if imports:
            return self._imported(imports[0])
        return state if state.head != before else None

    def _changes(self, head: Head, imports: list[Delta]) -> Iterator[Delta]:
        """Some of the deltas that follow; where one of them announces a snapshot they end, and it is in `imports`."""
        held = self.store.held
        deltas, rows = 0, 0
        for delta in self._chain.after(head):
            if held is not None and delta.sequence > held:
                return
            if announced(delta):
                imports.append(delta)
                return
            yield delta
            deltas, rows = deltas + 1, rows + len(delta.rows)
            if deltas == _DELTAS_TOGETHER or rows >= _ROWS_TOGETHER:
                return

    def _imported(self, announcement: Delta) -> State | None:
        """The state of an imported table; None where a later snapshot has just gone live in its place."""
        try:
            snapshot = self.store.snapshot(announcement.sequence)
        except DamagedSnapshotError:
            if self._marked() != self._marks:
                return None
            raise
        manifest = snapshot.manifest
        if manifest.digest != announced(announcement) or manifest.head != Head.of(announcement):
            raise DamagedSnapshotError(
                "the snapshot is not the one that the chain speaks of",
                where=str(snapshot.path),
                expected=f"digest {announced(announcement)}",
                got=manifest.digest,
            )
        return State(snapshot, self._resident, self._moment)
