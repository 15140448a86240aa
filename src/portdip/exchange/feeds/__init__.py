"""Feeds: each module here reads one kind of source, and its name, with '-' for '_', is the feed's name.

A feed is a module with `NEEDS_FILES` and `rows`; it is found by name, so a new one touches nothing else. One that
also reads its source's deltas has `changes`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, cast

import pyarrow as pa

from portdip.errors import FeedError
from portdip.exchange.feeds.options import Options

_NOT_A_FEED = "options"


class Feed(Protocol):
    """What a feed's module offers."""

    #: Whether `files` must name at least one file; otherwise it must be empty.
    NEEDS_FILES: bool

    def rows(self, files: list[Path], options: Options) -> Iterator[pa.RecordBatch]:
        """The source as record batches of the schemas in `portdip.exchange.rows`, of about 1 M rows at most.

        Malformed rows go to `options.bad_rows`. Raises FeedError where the source as a whole cannot be read.
        """


class DeltaFeed(Feed, Protocol):
    """What the module of a feed offers whose source says what has changed, too."""

    def changes(self, files: list[Path], options: Options) -> Iterator[pa.RecordBatch]:
        """The source's delta files as record batches of `portdip.exchange.changes.CHANGES`, in the order they apply.

        Malformed rows go to `options.bad_rows`. Raises FeedError where the source as a whole cannot be read.
        """


def names() -> list[str]:
    """The names of all feeds, in order.

    >>> "csv" in names()
    True
    """
    modules = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name.replace("_", "-") for name in modules if name != _NOT_A_FEED)


def delta_names() -> list[str]:
    """The names of the feeds that have deltas, in order.

    >>> "npac-bdd" in delta_names(), "csv" in delta_names()
    (True, False)
    """
    return [name for name in names() if hasattr(load(name), "changes")]


def load(name: str) -> Feed:
    """The feed called `name`; FeedError names the feeds there are."""
    if name not in names():
        raise FeedError("no such feed", expected=f"one of {', '.join(names())}", got=name)
    return cast(Feed, importlib.import_module(f"{__name__}.{name.replace('-', '_')}"))


def load_delta(name: str) -> DeltaFeed:
    """The feed called `name`, to read deltas with; FeedError names the feeds that have them."""
    feed = load(name)
    if not hasattr(feed, "changes"):
        raise FeedError("the feed has no deltas", expected=f"one of {', '.join(delta_names())}", got=name)
    return cast(DeltaFeed, feed)
