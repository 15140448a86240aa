"""What dips read: one state of the table, complete and unchanging.

A dip or a batch takes the generation once and answers from nothing else, so no answer mixes two states. A
newer state is another Generation, put in its place by one assignment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from portdip.index import LiveIndex
from portdip.lookup.answers import Labels
from portdip.route import Route
from portdip.table.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Generation:
    """One state of a store, open for dips from any number of threads.

    `index` gives the route code of a number, `routes` its meaning, `labels` its columns in a batch. `sequence`
    says how far the chain is in it, `digest` is that of the last delta, `as_of` (UTC) the moment of the newest
    change in it. What takes effect later than `moment` is not in it. `snapshot` is what it began with.
    """

    dataset: str
    sequence: int
    digest: str
    as_of: datetime
    moment: datetime
    index: LiveIndex
    routes: Mapping[int, Route]
    labels: Labels
    snapshot: Snapshot
