"""The table of a store as it was at one sequence and moment, opened again by anyone who knows which.

Processes that work on one job answer from one table, whatever comes into the store meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import Any, Self

from portdip.errors import DamagedSnapshotError, StoreError
from portdip.lookup.engine import Engine, Pinned
from portdip.lookup.generation import Generation
from portdip.lookup.state import State
from portdip.table.store import Store


@dataclass(frozen=True, slots=True)
class Pin:
    """Which state of a store: the snapshot it begins with, how far the chain is in it, and as of which moment (UTC).

    `digest` is that of the last delta.
    """

    dataset: str
    snapshot: int
    sequence: int
    digest: str
    moment: datetime

    @classmethod
    def of(cls, generation: Generation) -> Self:
        """What leads to this state again."""
        snapshot = generation.snapshot.manifest.sequence
        return cls(generation.dataset, snapshot, generation.sequence, generation.digest, generation.moment)

    @classmethod
    def parse(cls, content: dict[str, Any]) -> Self:
        """What `as_json` gave; KeyError, TypeError or ValueError for anything else."""
        moment = datetime.fromisoformat(content["moment"])
        return cls(
            str(content["dataset"]),
            int(content["snapshot"]),
            int(content["sequence"]),
            str(content["digest"]),
            moment,
        )

    def as_json(self) -> dict[str, Any]:
        """The pin as JSON has it."""
        content: dict[str, Any] = {"dataset": self.dataset, "snapshot": self.snapshot, "sequence": self.sequence}
        return content | {"digest": self.digest, "moment": self.moment.isoformat()}


def open_pinned(path: Path, pin: Pin) -> Engine:
    """An engine over the store at `path` that stays at `pin`.

    Raises StoreError where that state can no longer be had: its snapshot or the deltas after it have been removed.
    """
    store = Store.open(path)
    try:
        state = State(store.snapshot(pin.snapshot), False, pin.moment)
    except DamagedSnapshotError as error:
        raise _gone(path, pin, str(error)) from error
    upto = takewhile(lambda delta: delta.sequence <= pin.sequence, store.chain.after(state.head))
    state.take(upto, pin.moment)
    if (state.head.sequence, state.head.digest) != (pin.sequence, pin.digest):
        raise _gone(path, pin, f"the chain leads to sequence {state.head.sequence}, digest {state.head.digest}")
    return Engine(Pinned(store, state.generation()))


def _gone(path: Path, pin: Pin, got: str) -> StoreError:
    return StoreError(
        f"the table of sequence {pin.sequence} is no longer there",
        where=str(path),
        expected=f"snapshot {pin.snapshot} and the deltas up to digest {pin.digest[:16]}",
        got=got,
        fix="Begin the job anew, in another directory.",
    )
