"""An authority's full dump, read by one of the feeds: once for its digests, and again for the rows of some blocks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from portdip.errors import FeedError
from portdip.exchange import feeds, rows
from portdip.exchange.feeds.options import BadRows, Options, Overlooked
from portdip.table.reconciling.digests import Digester, Digests, Numbers, Particulars, in_blocks
from portdip.table.reconciling.in_force import Progress

_NUMBERS = (rows.NUMBERS, rows.PLACED_NUMBERS)


class Dump:
    """What the feed `feed_name` reads from `files`. For one thread.

    What a dump is silent about it says nothing of: one without numbers, without ranges, or without a single donor or
    effective time. `bad_rows` hears of malformed rows once. Raises FeedError and its kinds.
    """

    #: A dump does not say what it is of.
    dataset: str | None = None

    def __init__(self, feed_name: str, files: list[Path], column_map: Path | None, bad_rows: BadRows) -> None:
        self._feed = feeds.load(feed_name)
        if bool(files) != self._feed.NEEDS_FILES:
            wanted = "at least one file" if self._feed.NEEDS_FILES else "no files: it reads an installed package"
            raise FeedError(f"feed {feed_name} needs {wanted}", got=f"{len(files)} files")
        self.name = ", ".join(map(str, files)) or feed_name
        self.sources = tuple(files)
        self._column_map = column_map
        self._bad_rows = bad_rows
        self._ranges: list[pa.RecordBatch] = []
        self._digests: Digests | None = None

    def digests(self, wanted: Particulars, progress: Progress) -> Digests | None:
        """The digests of all numbers, None where there are none; reads the dump."""
        digester = Digester(wanted)
        count, donors, times = 0, False, False
        for batch in self._feed.rows(list(self.sources), Options(self._column_map, self._bad_rows)):
            if batch.schema in _NUMBERS:
                digester.add(batch)
                count += len(batch)
                donors = donors or batch.column("donor").null_count < len(batch)
                times = times or batch.column("effective").null_count < len(batch)
                progress(count, None)
            elif batch.schema == rows.RANGES:
                self._ranges.append(batch)
        self._digests = digester.finish(Particulars(wanted.donors and donors, wanted.times and times))
        return self._digests if count else None

    def ranges(self) -> list[pa.RecordBatch] | None:
        """The ranges, None where there are none. To be asked after the digests."""
        return self._ranges or None

    def rows(self, blocks: Numbers, progress: Progress) -> Iterator[pa.RecordBatch]:
        """The numbers of some blocks, in the order of the dump, numbers that are there twice included.

        Reads the dump again; FeedError if it is another one now. To be asked after the digests.
        """
        assert self._digests is not None
        digester = Digester(Particulars(False, False))
        count = 0
        for batch in self._feed.rows(list(self.sources), Options(self._column_map, Overlooked())):
            if batch.schema in _NUMBERS:
                chosen = batch.filter(pa.array(in_blocks(batch.column("number").to_numpy(), blocks)))
                digester.add(chosen)
                yield chosen
                count += len(batch)
                progress(count, count / self._digests.rows)
        if len(digester.finish().differing(self._digests.within(blocks))):
            raise FeedError("the dump has changed while it was compared", where=self.name, fix="Compare again.")

    def with_rows(self, blocks: Numbers) -> Numbers:
        """Those blocks whose rows can be had: all."""
        return blocks
