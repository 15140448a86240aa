"""A node: a store kept at the head of a source's chain, and folded now and then.

There is no loop and no clock here: whoever runs a node calls `Node.step` as often as it likes to be up to date. A query
process has an engine of its own over the same store (`open_engine(store, live=True)`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from portdip.errors import KeyFileError, PortdipError
from portdip.exchange.fetch import Fetcher, Progress
from portdip.exchange.keys import Trust
from portdip.exchange.location import location_at
from portdip.exchange.source import DirectorySource
from portdip.lookup.folding import Came, Folding, Watch
from portdip.lookup.load import write_image
from portdip.settings import Settings
from portdip.table import bootstrap
from portdip.table.bootstrap import Founded, Supplier
from portdip.table.store import Store

#: How often a node looks whether a snapshot is to be made, in seconds.
_FOLDING_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Step:
    """What one step came to: the look at the source, what came into the chain, and what there is to tell of folding."""

    progress: Progress
    came: list[Came]
    folding: str

    @property
    def is_behind(self) -> bool:
        """Whether the next step can do more at once."""
        return bool(self.came) and not self.progress.caught_up


def found(path: Path, source: str, anchors: Trust) -> Founded | None:
    """Found a store at `path` from the place `source`; None where nothing is there yet. See `bootstrap.found`."""
    return bootstrap.found(path, location_at(source), anchors, write_image)


class Node:
    """Keeps `store` at the head of the chain at the place `source`, if there is one. For one thread.

    Without a source it takes in what waits in the store, and folds. Opening raises KeyFileError where a key of
    `anchors` is none that the store trusts, ForeignDeltaError where the source has another history, and OSError or
    LocationError where it cannot be reached.
    """

    def __init__(self, store: Store, source: str | None, anchors: Trust, settings: Settings) -> None:
        _check_anchors(store, anchors)
        self._intake = store.intake()
        self._fetcher: Fetcher | None = None
        if source is not None:
            location = location_at(source)
            bootstrap.check_source(store, location)
            self._fetcher = Fetcher(
                DirectorySource(source), self._intake, store.following, supply=Supplier(store, location)
            )
        # The live snapshot may be newer than the chain, while a snapshot has been fetched and its deltas have not.
        self._watch = Watch(store, min(store.current().manifest.sequence, self._intake.sequence))
        self._folding = Folding(store, settings)
        self._folding.add(self._watch.news())
        self._fold_from = -math.inf

    def step(self, now: float) -> Step:
        """Take in what has arrived, and fold if it is time. `now` is seconds of a clock that never goes back.

        Nothing is raised for what may pass: it is the progress's `problem`, and the next step tries again.
        """
        progress = self._fetcher.poll(now) if self._fetcher else self._drain()
        came = self._watch.news()
        self._folding.add(came)
        folding = ""
        if now >= self._fold_from:
            self._fold_from = now + _FOLDING_SECONDS
            try:
                folding = self._folding.step(now)
            except (PortdipError, OSError) as error:
                progress.problem = progress.problem or error
        return Step(progress, came, folding)

    def close(self) -> None:
        """End a snapshot that is being made in the background."""
        self._folding.close()

    def _drain(self) -> Progress:
        progress = Progress()
        try:
            moved = self._intake.drain()
            progress.applied, progress.refused = moved.applied, moved.refused
            progress.missing, progress.newest = self._intake.missing, self._intake.newest_waiting
            progress.caught_up = not progress.missing
        except (PortdipError, OSError) as error:
            progress.problem = error
        return progress


def _check_anchors(store: Store, anchors: Trust) -> None:
    trust = store.trust.read()
    for identifier in anchors.keys:
        if identifier not in trust.keys:
            raise KeyFileError(
                "the store does not trust this key",
                where=str(store.path),
                expected=f"one of {', '.join(trust.keys) or 'none'}",
                got=identifier,
                fix="If the key is good: portdip keys trust.",
            )
