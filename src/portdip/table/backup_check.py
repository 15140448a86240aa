"""Whether a backup is good: every file of it read, and a store restored from it and looked at."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from portdip.errors import DamagedBackupError, DeltaError, KeyFileError, PortdipError, UntrustedSnapshotError
from portdip.exchange.chain import Head
from portdip.exchange.keys import Trust
from portdip.exchange.location import Location, read_whole
from portdip.table import companions as beside
from portdip.table import imported, past
from portdip.table.companions import Copy
from portdip.table.depot import HISTORY, Depot, delta_name, snapshot_name
from portdip.table.manifest import Manifest
from portdip.table.reconciling.digests import Particulars
from portdip.table.reconciling.in_force import InForce
from portdip.table.restore import Stretch, check_signature, reach, restore
from portdip.table.store import Store, WriteImage


@dataclass(slots=True)
class Findings:
    """What came of a check.

    `damage` is what is wrong, and `reach` what can be restored all the same. Of the proof, the restore of the newest
    state: `head`, the last delta in it (None where it failed), how many seconds it took, `content`, the digest of what
    the table says (`content_digest`), and the companions that came along, as `restore.Restored` has them.
    """

    damage: list[PortdipError | FileNotFoundError] = field(default_factory=list)
    reach: list[Stretch] = field(default_factory=list)
    head: Head | None = None
    seconds: float = 0.0
    content: str = ""
    companions: Copy | None = None
    companion_files: tuple[str, ...] = ()


def check(
    location: Location, scratch: Path, write_image: WriteImage, companion_files: Collection[str] = ()
) -> Findings:
    """Check the backup at `location`, restoring it below `scratch`, an empty directory, with companions of these names.

    Raises BackupError where there is none, BackupKeyError for a wrong key, OSError where the place cannot be reached.
    """
    depot, findings = Depot(location), Findings()
    base = _base(depot, findings)
    heads, imports = _check_chain(depot, base, findings)
    snapshots = _check_snapshots(depot, heads, findings)
    _check_history(depot, findings)
    _check_companions(depot, findings)
    findings.reach = reach(snapshots, set(heads) & set(depot.deltas()), base, imports)
    began = time.monotonic()
    try:
        restored = restore(scratch / "store", location, write_image, companion_files=companion_files)
        findings.seconds = time.monotonic() - began
        findings.content = content_digest(restored.store)
        findings.head = restored.head
        findings.companions, findings.companion_files = restored.companions, restored.companion_files
    except (PortdipError, FileNotFoundError) as error:
        if not (heads or snapshots or findings.damage):
            raise  # there is no backup
        if str(error) not in map(str, findings.damage):
            findings.damage.append(error)
    return findings


def content_digest(store: Store) -> str:
    """What the table of a store says now, as 64 hex digits, however it is divided into a snapshot and deltas.

    SHA-256 of the columns of `reconciling.digests.Digests`, block, count, routes and particulars, as little-endian
    64-bit integers; and of a line `first,last,carrier,routing number` for each interval of numbers that one carrier
    holds, in order.
    """
    table = InForce(store, datetime.now(UTC))
    digests = table.digests(Particulars(), lambda count, share: None)
    sha256 = hashlib.sha256()
    for column in (digests.block, digests.count, digests.routes, digests.particulars):
        sha256.update(column.astype("<u8").tobytes())
    for line in _intervals(table):
        sha256.update(line.encode())
    return sha256.hexdigest()


def _intervals(table: InForce) -> Iterator[str]:
    """The ranges, those that touch and are held alike as one."""
    (ranges,) = table.ranges()
    first, last = (ranges.column(name).to_numpy() for name in ("first", "last"))
    routes = list(zip(*(ranges.column(name).to_pylist() for name in ("carrier", "routing_number")), strict=True))
    begins = 0
    for row, route in enumerate(routes):
        is_end = row + 1 == len(routes) or first[row + 1] != last[row] + np.uint64(1) or routes[row + 1] != route
        if is_end and route[0] is not None:
            yield f"{first[begins]},{last[row]},{route[0]},{route[1] or ''}\n"
        if is_end:
            begins = row + 1


def _check_chain(depot: Depot, base: Head | None, findings: Findings) -> tuple[dict[int, Head], set[int]]:
    """The deltas that are good, by sequence, and which of them announce an import."""
    trust = _trust(depot, findings)
    heads: dict[int, Head] = {} if base is None else {base.sequence: base}
    imports = set()
    for sequence in depot.deltas():
        where = depot.where(delta_name(sequence))
        try:
            delta = depot.delta(sequence).open(where)
            trust = trust.after(delta)
            check_signature(delta, trust, where)
            if sequence - 1 in heads:
                heads[sequence - 1].check(delta, where)
        except (PortdipError, FileNotFoundError) as error:
            findings.damage.append(error)
            continue
        heads[sequence] = Head.of(delta)
        if imported.announced(delta):
            imports.add(sequence)
    return heads, imports


def _base(depot: Depot, findings: Findings) -> Head | None:
    try:
        return depot.base()
    except (DeltaError, DamagedBackupError) as error:
        findings.damage.append(error)
        return None


def _trust(depot: Depot, findings: Findings) -> Trust:
    try:
        return depot.trust()
    except KeyFileError as error:
        findings.damage.append(error)
        return Trust()


def _check_snapshots(depot: Depot, heads: dict[int, Head], findings: Findings) -> list[int]:
    """The snapshots that are good."""
    good = []
    for sequence in depot.snapshots():
        where = depot.where(snapshot_name(sequence))
        try:
            manifest = _manifest(depot, sequence)
            if manifest is None:
                continue
            for _, blocks in depot.sealed(snapshot_name(sequence), manifest.files):
                for _ in blocks:
                    pass
            if manifest.head != heads.get(sequence, manifest.head):
                raise UntrustedSnapshotError("the snapshot and the chain contradict each other", where=where)
        except (PortdipError, FileNotFoundError) as error:
            findings.damage.append(error)
        else:
            good.append(sequence)
    return good


def _manifest(depot: Depot, sequence: int) -> Manifest | None:
    """None where copying has not come so far, or was cut off: what is there is no snapshot yet."""
    try:
        return depot.manifest(sequence)
    except FileNotFoundError:
        return None


def _check_history(depot: Depot, findings: Findings) -> None:
    for name in depot.location.directories(HISTORY):
        manifest = f"{HISTORY}/{name}/{past.MANIFEST_FILE}"
        if past.MANIFEST_FILE not in depot.location.sizes(f"{HISTORY}/{name}"):
            continue
        try:
            seals = past.parse_seals(read_whole(depot.location, manifest), depot.where(manifest))
            for _, blocks in depot.sealed(f"{HISTORY}/{name}", seals):
                for _ in blocks:
                    pass
        except (PortdipError, FileNotFoundError) as error:
            findings.damage.append(error)


def _check_companions(depot: Depot, findings: Findings) -> None:
    for found in beside.copies(depot):
        try:
            for _, blocks in depot.sealed(found.name, beside.seals_of(depot, found)):
                for _ in blocks:
                    pass
        except (PortdipError, FileNotFoundError) as error:
            findings.damage.append(error)
