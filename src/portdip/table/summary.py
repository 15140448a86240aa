"""What is in a snapshot, counted: for people who want to know a store without reading it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from portdip.number import DIGITS_MAX
from portdip.table.snapshot import Snapshot

_POWERS_OF_TEN = np.array([10**digits for digits in range(DIGITS_MAX)], dtype=np.uint64)


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts over one snapshot.

    `bytes_by_file` and `ported_by_carrier`, `ranges_by_carrier` (carrier id, most first; withdrawn ranges
    under '') and `numbers_by_length` (digits, ascending).
    """

    bytes_by_file: dict[str, int]
    ported_by_carrier: dict[str, int]
    ranges_by_carrier: dict[str, int]
    numbers_by_length: dict[int, int]


def summarize(snapshot: Snapshot) -> Summary:
    """Count a snapshot; reads its numbers once, batch by batch."""
    codes = np.zeros(1 << 16, dtype=np.int64)
    lengths = np.zeros(DIGITS_MAX + 1, dtype=np.int64)
    for batch in snapshot.numbers.to_batches():
        codes += np.bincount(batch.column("route").to_numpy(), minlength=len(codes))
        numbers = batch.column("number").to_numpy()
        bounds = np.searchsorted(numbers, _POWERS_OF_TEN)
        lengths[1:] += np.diff(np.append(bounds, len(numbers)))
    ranges = np.bincount(snapshot.ranges.column("route").to_numpy(), minlength=len(codes))
    return Summary(
        bytes_by_file={name: seal.bytes for name, seal in snapshot.manifest.files.items()},
        ported_by_carrier=_by_carrier(snapshot, codes),
        ranges_by_carrier=_by_carrier(snapshot, ranges),
        numbers_by_length={digits: count for digits, count in enumerate(lengths.tolist()) if count},
    )


def _by_carrier(snapshot: Snapshot, counts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> dict[str, int]:
    carriers: Counter[str] = Counter()
    for code in np.flatnonzero(counts).tolist():
        carriers[snapshot.routes[code].carrier.id if code else ""] += int(counts[code])
    return dict(carriers.most_common())
