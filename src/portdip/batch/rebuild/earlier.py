"""The table of a store as an earlier rebuild has it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from portdip import files
from portdip.errors import RebuildError, StoreError
from portdip.lookup.generation import Generation
from portdip.lookup.state import State
from portdip.table.store import Store


def generation(store: Store, since: int | Path, now: Generation, described: Mapping[str, Any]) -> Generation:
    """The state at the sequence `since`, or the very state that the rebuild in the directory `since` was made of.

    Of a sequence it is not known when its rebuild was made: where changes that it holds have taken effect between its
    making and `now`, only the directory tells which of them the target has. Raises RebuildError for that, for a
    rebuild of another dataset, target or options, and for a state that no kept snapshot leads to any more.
    """
    sequence, moment = (since, None) if isinstance(since, int) else _told(since, now, described)
    if sequence > now.sequence:
        raise RebuildError(
            "there is no such sequence yet", where=str(store.path), expected=f"up to {now.sequence}", got=str(sequence)
        )
    state = _state(store, sequence, moment)
    found = state.generation()
    if moment is None:
        state.activate(now.moment)
        if state.generation() is not found:
            raise RebuildError(
                "changes of that sequence have taken effect since it was made, maybe after the target was rebuilt",
                where=f"sequence {sequence}",
                fix="Name the directory of that rebuild instead of the sequence, or rebuild all.",
            )
    return found


def _state(store: Store, sequence: int, moment: datetime | None) -> State:
    # What a snapshot made after the delta has let take effect since, nobody could tell.
    made = store.chain.read(sequence).header.created if store.chain.has(sequence) else None
    try:
        snapshot = store.snapshot(store.leading_to(sequence, moment or made))
    except StoreError as error:
        error.fix = error.fix or "Rebuild all."
        raise
    deltas = []
    for delta in store.chain.after(snapshot.manifest.head):
        if delta.sequence > sequence:
            break
        deltas.append(delta)
    moment = moment or max([snapshot.manifest.as_of, *(delta.header.created for delta in deltas)])
    state = State(snapshot, False, moment)
    state.take(deltas, moment)
    return state


def _told(directory: Path, now: Generation, described: Mapping[str, Any]) -> tuple[int, datetime]:
    """Sequence and moment of the rebuild in a directory."""
    where = str(directory / "manifest.json")
    try:
        told = json.loads(files.read_bytes(directory / "manifest.json"))
        sequence, moment = int(told["sequence"]), datetime.fromisoformat(told["moment"])
        different = [name for name, value in described.items() if told[name] != value]
        if told["dataset"] != now.dataset:
            different.append("dataset")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RebuildError("not the directory of a rebuild", where=where, got=str(error)) from error
    if different:
        raise RebuildError(
            "that rebuild was made otherwise",
            where=where,
            expected="the same " + ", ".join(different),
            fix="Rebuild all.",
        )
    return sequence, moment
