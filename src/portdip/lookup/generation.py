"""What dips read: one state of the table, complete and unchanging.

A dip or a batch takes the generation once and answers from nothing else, so no answer mixes two states. A
newer state is another Generation, put in its place by one assignment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from portdip.index import Index
from portdip.lookup.answers import Labels
from portdip.route import Route
from portdip.table.snapshot import Snapshot
from portdip.table.store import Store


@dataclass(frozen=True, slots=True)
class Generation:
    """One state of a store, open for dips from any number of threads.

    `index` gives the route code of a number, `routes` its meaning, `labels` its columns in a batch.
    `sequence` and `as_of` (UTC) say which state it is, `snapshot` holds its full records.
    """

    dataset: str
    sequence: int
    as_of: datetime
    index: Index
    routes: Mapping[int, Route]
    labels: Labels
    snapshot: Snapshot


def open_generation(store: Path, resident: bool = False) -> Generation:
    """The live state of a store; reads no more of it than its routes.

    The index is mapped and shared with other processes; `resident` copies it into memory of this process, on
    huge pages, for the lowest latency. Raises StoreError or ImageError.
    """
    snapshot = Store.open(store).current()
    manifest = snapshot.manifest
    return Generation(
        dataset=manifest.dataset,
        sequence=manifest.sequence,
        as_of=manifest.as_of,
        index=Index.open(snapshot.image, resident=resident),
        routes=snapshot.routes,
        labels=Labels.of(snapshot.routes),
        snapshot=snapshot,
    )
