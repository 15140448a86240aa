"""Where a store stands and how stale it is: for `portdip status`, for whoever watches a node, and for its engine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from portdip.exchange.following import Following
from portdip.exchange.quarantine import Quarantine, Refusal
from portdip.exchange.waiting import Gap, WaitingRoom
from portdip.lookup.follower import Follower
from portdip.table.store import Store


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """One look at a store.

    `sequence` and `digest` are those of what it answers from, `head` the last delta it has: it is more where the
    store is `held` back. `newest_change` is when the last delta was made, `lag` as `lag` has it, `missing` the deltas
    waited for, `quarantined` those refused that the chain has not passed since. `changed` counts the numbers changed
    since the snapshot, `to_come` the changes that take effect later, `source` is what the store follows.
    """

    dataset: str
    sequence: int
    digest: str
    head: int
    held: int | None
    newest_change: datetime | None
    lag: float
    signed: bool
    keys: list[str]
    snapshot: int
    snapshots: list[int]
    changed: int
    to_come: int
    missing: list[Gap]
    quarantined: list[Refusal]
    source: str | None
    problem: str


def lag(store: Store, sequence: int, now: datetime) -> float:
    """Seconds for which an engine at `sequence` may have missed changes.

    Counted from when the store last knew that its source had nothing newer, and from when the first delta that the
    engine lacks came into the store; the longer of both. 0 for a store that follows nothing and an engine at its head.
    """
    behind = 0.0
    following = Following.read(store.following)
    if following is not None and following.caught_up_at is not None:
        behind = (now - following.caught_up_at).total_seconds()
    elif following is not None:
        behind = (now - store.chain.head.created).total_seconds()
    if store.chain.has(sequence + 1):
        came = datetime.fromtimestamp(store.chain.file(sequence + 1).stat().st_mtime, UTC)
        behind = max(behind, (now - came).total_seconds())
    return max(behind, 0.0)


def status(store: Store) -> StoreStatus:
    """Look at a store. Opens it as an engine would. Raises StoreError, ImageError or DeltaError for damage."""
    now = datetime.now(UTC)
    follower = Follower(store, False, now)
    generation = follower.generation
    head = store.chain.head
    following = Following.read(store.following)
    trust = store.trust.read()
    refused = [refusal for refusal in Quarantine(store.quarantine).refusals() if not refusal.is_passed(head.sequence)]
    return StoreStatus(
        dataset=generation.dataset,
        sequence=generation.sequence,
        digest=generation.digest,
        head=head.sequence,
        held=store.held,
        newest_change=head.created if head.sequence else None,
        lag=lag(store, generation.sequence, now),
        signed=trust.signed,
        keys=[key for key in trust.keys if trust.may_sign(key, head.sequence + 1, now)],
        snapshot=generation.snapshot.manifest.sequence,
        snapshots=store.snapshots(),
        changed=follower.changed,
        to_come=follower.to_come,
        missing=WaitingRoom(store.waiting).missing(head.sequence),
        quarantined=refused,
        source=following.source if following else None,
        problem=following.problem if following else "",
    )
