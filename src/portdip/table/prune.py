"""Forgetting: deltas and history older than the retention, removed when somebody says so, and noted.

    STORE/pruned/<moment>.json   what was removed: deltas `first` to `last`, stretches of history, and `before` when

A delta is removed only where every snapshot of the store is newer, so that what the store answers now, and can go
back to, stays. The last delta removed becomes what the chain begins with.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile

from portdip import files
from portdip.exchange.chain import Chain, Head
from portdip.table.store import Store


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed: how many deltas, up to which sequence (None: none), and the stretches of history."""

    deltas: int
    last: int | None
    stretches: list[str]


def prune(store: Store, before: datetime) -> Pruned:
    """Remove what was made before `before` (UTC) and is not needed. Raises StoreLockedError while somebody writes."""
    with files.locked(store.lock, patience=5):
        chain = store.chain
        oldest = store.snapshots()[0]
        removable = [sequence for sequence in chain.sequences() if sequence <= oldest]
        old = list(takewhile(lambda sequence: chain.read(sequence).header.created < before, removable))
        if old:
            Chain.create(chain.path, Head.of(chain.read(old[-1])))
            for sequence in old:
                files.remove(chain.file(sequence))
        stretches = [path.name for path in store.past.prune(before)]
        pruned = Pruned(len(old), old[-1] if old else None, stretches)
        if old or stretches:
            _note(store, before, pruned)
    return pruned


def _note(store: Store, before: datetime, pruned: Pruned) -> None:
    directory = store.path / "pruned"
    files.make_directory(directory)
    content = {"before": before.isoformat(), "deltas": pruned.deltas, "last": pruned.last, "history": pruned.stretches}
    files.write_new(directory / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.json", json.dumps(content, indent=1).encode())
