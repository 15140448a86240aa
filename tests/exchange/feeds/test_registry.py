"""Feeds are found by the name of their module."""

import inspect

import pytest

from portdip.errors import FeedError
from portdip.exchange import feeds


def test_names():
    assert feeds.names() == ["arrow", "csv", "libphonenumber", "parquet", "phone-cn"]


@pytest.mark.parametrize("name", feeds.names())
def test_every_feed_has_what_a_feed_has(name):
    feed = feeds.load(name)
    assert feed.NEEDS_FILES in (True, False)
    assert list(inspect.signature(feed.rows).parameters) == ["files", "options"]
    assert inspect.getdoc(feed)


@pytest.mark.parametrize("name", ["xlsx", "options", ""])
def test_an_unknown_name_is_refused_with_the_known_ones(name):
    with pytest.raises(FeedError, match="one of arrow, csv, libphonenumber, parquet, phone-cn"):
        feeds.load(name)
