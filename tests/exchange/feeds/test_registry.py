"""Feeds are found by the name of their module."""

import inspect
from pathlib import Path

import pytest

from portdip.errors import FeedError
from portdip.exchange import feeds


def test_names():
    assert feeds.names() == [
        "arrow",
        "br-nsapn",
        "br-pip",
        "coin",
        "csv",
        "libphonenumber",
        "mx-ift",
        "nanpa-blocks",
        "npac-bdd",
        "parquet",
        "phone-cn",
        "uk-ofcom",
    ]


def test_names_of_those_with_deltas():
    assert feeds.delta_names() == ["br-pip", "coin", "npac-bdd"]


@pytest.mark.parametrize("name", feeds.names())
def test_every_feed_has_what_a_feed_has(name):
    feed = feeds.load(name)
    assert feed.NEEDS_FILES in (True, False)
    assert list(inspect.signature(feed.rows).parameters) == ["files", "options"]
    assert inspect.getdoc(feed)


@pytest.mark.parametrize("name", feeds.names())
def test_every_feed_is_in_readme(name):
    assert f"`{name}`" in (Path(__file__).parents[3] / "README.md").read_text()


@pytest.mark.parametrize("name", feeds.delta_names())
def test_every_feed_with_deltas_has_what_such_a_feed_has(name):
    feed = feeds.load_delta(name)
    assert list(inspect.signature(feed.changes).parameters) == ["files", "options"]


def test_a_feed_without_deltas_is_refused_with_those_that_have_them():
    with pytest.raises(FeedError, match="the feed has no deltas; expected one of br-pip, coin, npac-bdd; got csv"):
        feeds.load_delta("csv")


@pytest.mark.parametrize("name", ["xlsx", "options", ""])
def test_an_unknown_name_is_refused_with_the_known_ones(name):
    with pytest.raises(FeedError, match=r"one of arrow, br-nsapn, .*, uk-ofcom"):
        feeds.load(name)
