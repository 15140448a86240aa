"""How a store comes by its snapshots: from the chain, and from rows that are imported.

Every snapshot is made aside, over the newest one and the deltas since, and put among the others when it is complete.
What it folds becomes history in the same act. Then it goes live: an import by its delta in the chain, the chain's own
by CURRENT. A crash before that leaves the store as it was; what was put aside is cleared by the next one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import takewhile
from typing import TYPE_CHECKING

import pyarrow as pa

from portdip import files
from portdip.errors import KeyFileError, StoreError
from portdip.exchange import delta
from portdip.exchange.chain import Head
from portdip.exchange.changes import Operation, batch
from portdip.exchange.delta import Delta, Header
from portdip.exchange.key_ring import KeyRing
from portdip.exchange.keys import SigningKey
from portdip.table import imported, merge, past, schema
from portdip.table.draft import Draft
from portdip.table.manifest import Manifest, content_digest
from portdip.table.outstanding import is_about_many, microseconds
from portdip.table.snapshot import Snapshot

if TYPE_CHECKING:
    from portdip.table.store import Store, WriteImage

#: A fold has worked for long when it needs the lock of the chain: it waits for whoever publishes just then.
_PATIENCE_S = 60


def begin_empty(store: Store, write_image: WriteImage) -> None:
    """Give a store that is being founded before delta 1 its snapshot 0, which is empty."""
    with _draft(store, None, 0, [], datetime.now(UTC), _no_repeats) as draft:
        write_image(draft)
        _put(store, draft, store.chain.base)
    store.make_current(0)


@contextlib.contextmanager
def import_rows(store: Store, on_repeat: merge.OnRepeat, moment: datetime) -> Iterator[Draft]:
    """What `Store.draft` does."""
    with files.locked(store.snapshots_lock), files.locked(store.lock):
        head, base = store.chain.head, store.newest()
        folded = list(_foldable(store, base, moment))
        last = folded[-1].sequence if folded else base.manifest.sequence
        if last != head.sequence:
            raise StoreError(
                "a change of many numbers has been accepted and takes effect later",
                where=f"sequence {last + 1}",
                fix="Import when it has taken effect.",
            )
        with _draft(store, base, head.sequence + 1, folded, moment, on_repeat) as draft:
            yield draft
            announcement = _announcement(store, draft, head)
            _put(store, draft, Head.of(announcement))
            _remember(store, base, draft, [past.events(announcement)])
            store.chain.append(announcement)
            with contextlib.suppress(OSError):  # in the chain it is live; the next writer does this if need be
                if store.held is None:
                    store.make_current(draft.sequence)
        store.remove_old_snapshots()


@contextlib.contextmanager
def fold_chain(store: Store, moment: datetime) -> Iterator[Draft | None]:
    """What `Store.fold` does."""
    with files.locked(store.snapshots_lock):
        base = store.newest()
        folded = list(_foldable(store, base, moment))
        if not folded:
            yield None
            return
        with _draft(store, base, folded[-1].sequence, folded, moment, _no_repeats) as draft:
            yield draft
            _put(store, draft, Head.of(folded[-1]))
            _remember(store, base, draft, [])
            with files.locked(store.lock, patience=_PATIENCE_S):
                if store.held is None and store.current().manifest.sequence < draft.sequence:
                    store.make_current(draft.sequence)
        store.remove_old_snapshots()


def _foldable(store: Store, base: Snapshot, moment: datetime) -> Iterator[Delta]:
    """The deltas after `base` that a snapshot may hold at `moment`."""
    last = microseconds(moment)
    return takewhile(
        lambda following: not (is_about_many(following, last) or imported.announced(following)),
        store.chain.after(base.manifest.head),
    )


@contextlib.contextmanager
def _draft(
    store: Store,
    base: Snapshot | None,
    sequence: int,
    deltas: list[Delta],
    moment: datetime,
    on_repeat: merge.OnRepeat,
) -> Iterator[Draft]:
    with files.scratch_directory(store.path / "scratch") as scratch:
        made, spill = scratch / "snapshot", scratch / "runs"
        files.make_directory(made)
        files.make_directory(spill)
        with contextlib.closing(Draft(made, spill, sequence, base, deltas, moment, on_repeat)) as draft:
            yield draft


def _announcement(store: Store, draft: Draft, head: Head) -> Delta:
    """The delta that says that the table is now that of the draft, which is sealed by this."""
    digest = content_digest(head.dataset, draft.sequence, draft.seals)
    rows = batch(operation=[Operation.SNAPSHOT], text=[digest])
    created = max(draft.moment, head.created)
    key = _signer(store, draft.sequence, created)
    header = Header(head.dataset, draft.sequence, head.digest, len(rows), created, key.id if key else "")
    return delta.decode(delta.encode(header, rows, key), str(store.chain.file(draft.sequence)))


def _signer(store: Store, sequence: int, created: datetime) -> SigningKey | None:
    return KeyRing(store.keys).signer(store.trust.read(), sequence, created)


def _remember(store: Store, base: Snapshot, draft: Draft, events: list[pa.Table]) -> None:
    """Make history of what the draft holds, and of deltas before it that no snapshot made here has held."""
    chain, last = store.chain, base.manifest.sequence
    remembered = store.past.last(last) or chain.base.sequence
    skipped = [past.events(chain.read(sequence)) for sequence in range(remembered + 1, last + 1) if chain.has(sequence)]
    store.past.write(min(remembered, last) + 1, draft.sequence, [*skipped, *draft.events, *events])


def _put(store: Store, draft: Draft, head: Head) -> None:
    """Put the draft among the snapshots, `head` being the last delta in it."""
    files.write(draft.path / schema.MANIFEST_FILE, _manifest(store, draft, head).render())
    target = store.snapshot_path(draft.sequence)
    files.remove_directory(target)  # a crash may have left one there
    files.move_directory(draft.path, target)


def _manifest(store: Store, draft: Draft, head: Head) -> Manifest:
    manifest = Manifest(
        dataset=head.dataset,
        sequence=draft.sequence,
        created=datetime.now(UTC),
        as_of=draft.moment,
        chain=head.digest,
        chain_created=head.created,
        keys=store.trust.read().as_json(),
        counts=draft.counts,
        files=draft.seals,
    )
    try:
        key = _signer(store, draft.sequence, manifest.created)
    except KeyFileError:  # a node's own snapshot needs no signature
        key = None
    return manifest.signed(key) if key else manifest


def _no_repeats(number: int, place: int, place_kept: int) -> None:
    raise AssertionError("what is folded repeats nothing")
