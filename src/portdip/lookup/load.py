"""The load path: a feed's rows into the next snapshot of a store, its index image with it, and live at once.

The only place where the exchange room, the table and the index meet on the way in. For one writer; the
store's lock keeps others out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from portdip import index
from portdip.errors import FeedError
from portdip.exchange import feeds, rows
from portdip.exchange.feeds.options import BadRows, Options
from portdip.table.draft import Draft
from portdip.table.merge import OnRepeat
from portdip.table.store import Store

#: Called with the rows handled so far, and the share of all work done (0 to 1) or None while nobody knows it.
Progress = Callable[[int, float | None], None]


def _silent(count: int, share: float | None) -> None:
    """No progress to show."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did. Rows are rows of numbers and ranges.

    `read` = `taken` + `rejected`; `replaced` of the taken were there before. `sequence` is the snapshot now
    live.
    """

    feed: str
    sequence: int
    read: int
    taken: int
    replaced: int
    rejected: int
    seconds: float


def init_store(path: Path | str, dataset: str) -> Store:
    """Make a store at `path` whose snapshot 0 is empty. Raises StoreError if something is there already."""
    return Store.init(path, dataset, write_image)


def import_feed(
    store_path: Path | str, feed_name: str, files: list[Path], options: Options, progress: Progress
) -> ImportReport:
    """Import what the feed reads from `files` as the store's next snapshot.

    A number or interval imported again replaces the older one. All or nothing: on any error the store stays
    as it was. Raises FeedError and its kinds for the input, InvalidRangeError for ranges that contradict each
    other, RoutesFullError, StoreError and its kinds for the store.
    """
    began = time.monotonic()
    feed = feeds.load(feed_name)
    if bool(files) != feed.NEEDS_FILES:
        wanted = "at least one file" if feed.NEEDS_FILES else "no files: it reads an installed package"
        raise FeedError(f"feed {feed_name} needs {wanted}", got=f"{len(files)} files")
    bad_rows = options.bad_rows
    with Store.open(store_path).draft(_refuse_repeats(feed_name, files, bad_rows)) as draft, bad_rows:
        for batch in feed.rows(files, options):
            draft.add(batch)
            progress(draft.taken, None)
        write_image(draft, progress)
    return ImportReport(
        feed=feed_name,
        sequence=draft.sequence,
        read=draft.taken + bad_rows.count,
        taken=draft.taken,
        replaced=draft.rows_replaced,
        rejected=bad_rows.count,
        seconds=time.monotonic() - began,
    )


def fold(store_path: Path | str, progress: Progress) -> int | None:
    """Make what the chain has brought part of a new snapshot, live at once; its sequence, None if nothing came.

    The chain may be appended to meanwhile. Raises StoreLockedError while another snapshot is being made.
    """
    with Store.open(store_path).fold() as draft:
        if draft is None:
            return None
        write_image(draft, progress)
    return draft.sequence


def write_image(draft: Draft, progress: Progress = _silent) -> None:
    """Merge the draft and write its index from the merged rows as they pass."""
    done = 0
    with index.Builder(draft.image, draft.ranges) as builder:
        for numbers, codes in draft.merge():
            builder.add(numbers, codes)
            done += len(numbers)
            progress(done, done / draft.rows_max)


def _refuse_repeats(feed_name: str, files: list[Path], bad_rows: BadRows) -> OnRepeat:
    def where(place: int) -> tuple[Path | str, int]:
        file, row = rows.place_of(place)
        return files[file] if row else feed_name, row

    def refuse(number: int, place: int, place_kept: int) -> None:
        first_file, first_row = where(place_kept)
        bad_rows.refuse(*where(place), f"the number was there before, at {first_file}, row {first_row}", str(number))

    return refuse
