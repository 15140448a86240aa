"""Deltas that announce an imported table: each is taken in together with the snapshot that it speaks of.

Such a delta has one row, `snapshot`, with the digest of the snapshot of its sequence. Whoever fetches deltas puts that
snapshot into the store first, or one of a later sequence of the same chain (`portdip.table.bootstrap`). The snapshot
goes live before the delta joins the chain: were it the other way round, a crash in between would leave a chain that
leads nowhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from portdip import files
from portdip.errors import DamagedSnapshotError, SnapshotAwaitedError
from portdip.exchange.chain import Chain, Head
from portdip.exchange.changes import Operation
from portdip.exchange.delta import Delta, open_sealed

if TYPE_CHECKING:
    from portdip.table.store import Store


def announced(delta: Delta) -> str | None:
    """The digest of the snapshot that a delta announces, None for a delta of changes."""
    if delta.rows.num_rows != 1 or delta.rows.column("operation")[0].as_py() != Operation.SNAPSHOT:
        return None
    return str(delta.rows.column("text")[0].as_py())


def any_between(first: int, last: int, chain: Chain) -> bool:
    """Whether a delta after `first`, up to and with `last`, announces a snapshot."""
    for sequence in range(first + 1, last + 1):
        where = str(chain.file(sequence))
        sealed = open_sealed(files.read_bytes(chain.file(sequence)), where)
        if sealed.header.rows == 1 and announced(sealed.open(where)):
            return True
    return False


def admit(store: Store, following: Delta) -> None:
    """Make the snapshot live that `following`, the next delta, announces, if it does; for the holder of the lock.

    Raises SnapshotAwaitedError while no such snapshot is in the store.
    """
    digest = announced(following)
    if digest is None:
        return
    there = [sequence for sequence in store.snapshots() if sequence >= following.sequence]
    if not there or (there[0] == following.sequence and not _is_that_of(following, digest, store)):
        raise SnapshotAwaitedError(following.sequence, digest, following.digest, where=str(store.path))
    if store.held is None and _live(store) < there[-1]:
        store.make_current(there[-1])
        store.remove_old_snapshots()


def _is_that_of(following: Delta, digest: str, store: Store) -> bool:
    try:
        manifest = store.snapshot(following.sequence).manifest
    except DamagedSnapshotError:
        return False
    return manifest.digest == digest and manifest.head == Head.of(following)


def _live(store: Store) -> int:
    try:
        return store.current().manifest.sequence
    except DamagedSnapshotError:
        return -1
