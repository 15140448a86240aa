"""Checks of a store."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from portdip import files
from portdip.exchange.key_ring import KeyRing
from portdip.lookup.status import StoreStatus, status
from portdip.service.doctor.check import Finding, good, warning, wrong
from portdip.settings import Settings
from portdip.table.store import Store

#: How long before a key or a certificate ends it is time to replace it.
ENDS_SOON = timedelta(days=30)
#: A clock may be that much behind the one of who published.
_CLOCKS_DIFFER = timedelta(seconds=5)


@dataclass(frozen=True)
class Patient:
    """A store and the settings it is used with."""

    path: Path
    settings: Settings

    @cached_property
    def store(self) -> Store:
        """The store; StoreError if there is none."""
        return Store.open(self.path)

    @cached_property
    def status(self) -> StoreStatus:
        """Where it stands. Raises StoreError, ImageError or DeltaError for damage."""
        return status(self.store)


def snapshot(patient: Patient) -> Iterator[Finding]:
    """Whether the live snapshot can be opened."""
    manifest = patient.store.current().manifest
    yield good(f"sequence {manifest.sequence}, {manifest.counts['numbers']:,} ported numbers")


def chain(patient: Patient) -> Iterator[Finding]:
    """Whether what the chain says is answered."""
    found = patient.status
    if found.held is not None:
        yield warning(f"held at sequence {found.held}, the chain is at {found.head}", "portdip snapshot resume STORE")
    elif found.sequence < found.head:
        yield wrong(
            f"answers stop at sequence {found.sequence}, the chain is at {found.head}",
            f"portdip delta verify on delta {found.sequence + 1}; a good copy of it from the source mends it.",
        )
    else:
        yield good(f"sequence {found.sequence}, the head of the chain")


def freshness(patient: Patient) -> Iterator[Finding]:
    """Whether the store may have missed changes."""
    lag, limit = patient.status.lag, patient.settings.access.udp.stale_seconds
    if lag > limit:
        yield wrong(
            f"may have missed changes for {lag:,.0f} s: over UDP nothing is answered beyond {limit:,.0f} s",
            "Run `portdip follow STORE SOURCE`, or `portdip serve --follow SOURCE`.",
        )
    else:
        yield good(f"lag {lag:.1f} s, {limit:,.0f} s allowed")


def source(patient: Patient) -> Iterator[Finding]:
    """Whether what the store follows can be read."""
    found = patient.status
    if found.source is None:
        yield good("it follows nothing")
    elif found.problem:
        yield wrong(f"{found.source}: {found.problem}", "See that the source is there and can be read from here.")
    else:
        yield good(f"it follows {found.source}")


def gaps(patient: Patient) -> Iterator[Finding]:
    """Whether a delta is missing."""
    missing = patient.status.missing
    if missing:
        which = ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in missing)
        yield wrong(
            f"deltas are missing: {which}", "Bring them with `portdip apply`, or follow a source that has them."
        )
    else:
        yield good("no delta is missing")


def quarantine(patient: Patient) -> Iterator[Finding]:
    """Whether a delta was refused that the chain has not passed."""
    refused = patient.status.quarantined
    if refused:
        yield wrong(
            f"{len(refused)} deltas refused, the last: {refused[-1].name}: {refused[-1].reason}",
            "Ask the publisher for good ones; trust a key that is good with `portdip keys trust`.",
        )
    else:
        yield good("no delta was refused")


def signatures(patient: Patient) -> Iterator[Finding]:
    """Whether deltas are signed, by keys that do not end soon."""
    found = patient.status
    if not found.signed:
        yield warning("anybody who writes to the source can change answers", "portdip keys new STORE")
        return
    if not found.keys:
        yield wrong("no key may sign any more, so no delta can be taken", "portdip keys trust STORE PUBLIC")
        return
    now = datetime.now(UTC)
    keys = patient.store.trust.read().keys
    ends = [keys[key].expires for key in found.keys]
    last = max((end for end in ends if end is not None), default=None)
    if None not in ends and last is not None and last < now + ENDS_SOON:
        yield warning(f"the last key ends at {last.isoformat()}", "portdip keys rotate STORE")
    else:
        yield good(f"deltas are signed by {', '.join(found.keys)}")


def secrets(patient: Patient) -> Iterator[Finding]:
    """Whether nobody else can read private keys and the digests of API keys."""
    ring = KeyRing(patient.store.keys)
    private = [ring.file(identifier) for identifier in ring.ids()] + [patient.path / "api-keys.json"]
    open_to_others = [path for path in private if path.exists() and path.stat().st_mode & 0o077]
    if open_to_others:
        yield wrong(f"others may read {', '.join(path.name for path in open_to_others)}", "chmod 600 on each.")
    else:
        yield good("keys are for this user only")


def permissions(patient: Patient) -> Iterator[Finding]:
    """Whether nobody else can change the store, and this user can."""
    mode = patient.path.stat().st_mode
    if mode & stat.S_IWOTH:
        yield wrong("everybody may change the store", f"chmod o-w {patient.path}")
    elif not os.access(patient.path, os.W_OK):
        yield good("this user may read the store, not change it: it can serve and not follow")
    else:
        yield good("nobody else may change the store")


def free_space(patient: Patient) -> Iterator[Finding]:
    """Whether there is room for the next snapshot."""
    live = patient.store.current()
    size = sum(seal.bytes for seal in live.manifest.files.values())
    system = os.statvfs(patient.path)
    free = system.f_bavail * system.f_frsize
    if free < 2 * size:
        yield wrong(
            f"{free / 1e6:,.0f} MB free, a snapshot takes {size / 1e6:,.0f} MB",
            "Free space; `portdip prune` and `portdip snapshot prune` remove what is old.",
        )
    else:
        yield good(f"{free / 1e9:,.1f} GB free, a snapshot takes {size / 1e6:,.0f} MB")


def memory(patient: Patient) -> Iterator[Finding]:
    """Whether the index stays in memory."""
    size = patient.store.current().image.stat().st_size
    copies = patient.settings.access.workers if patient.settings.access.resident else 1
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if size * copies > there * 0.8:
        yield wrong(
            f"{copies} x {size / 1e6:,.0f} MB of index on a machine of {there / 1e6:,.0f} MB",
            "Not resident, fewer workers, or more memory.",
        )
    else:
        yield good(f"{copies} x {size / 1e6:,.1f} MB of index on a machine of {there / 1e9:,.0f} GB")


def folding(patient: Patient) -> Iterator[Finding]:
    """Whether snapshots are made as often as the settings want."""
    found, settings = patient.status, patient.settings
    numbers = patient.store.current().manifest.counts["numbers"]
    due = max(settings.fold_share * numbers, settings.fold_changes_min)
    if found.changed > 3 * due:
        yield warning(
            f"{found.changed:,} numbers changed since the snapshot of sequence {found.snapshot}",
            "Keep `portdip follow` running, or call `portdip snapshot create STORE`: starting takes longer and longer.",
        )
    else:
        yield good(f"{found.changed:,} numbers changed since the snapshot of sequence {found.snapshot}")


def time_of_changes(patient: Patient) -> Iterator[Finding]:
    """Whether the newest change is not made in the future."""
    newest = patient.status.newest_change
    now = datetime.now(UTC)
    if newest is not None and newest > now + _CLOCKS_DIFFER:
        yield warning(
            f"the newest change is of {newest.isoformat()}, {(newest - now).total_seconds():,.0f} s from now",
            "Set the clock of this machine, or that of the publisher.",
        )
    else:
        yield good(f"newest change {newest.isoformat() if newest else 'none'}")


def leftovers(patient: Patient) -> Iterator[Finding]:
    """Whether a crash left something that takes space."""
    left = [name for name in ("scratch", "fetching") if (patient.path / name).is_dir()]
    busy = [name for name in left if files.names(patient.path / name)]
    if busy:
        yield warning(
            f"{' and '.join(busy)}: a snapshot is being made or fetched, or was cut off",
            "If nothing runs, the next `portdip snapshot create` or `portdip follow` clears it.",
        )
    else:
        yield good("nothing is left over")


CHECKS = (
    snapshot, chain, freshness, source, gaps, quarantine, signatures, secrets, permissions, free_space, memory, folding,
    time_of_changes, leftovers,
)  # fmt: skip
