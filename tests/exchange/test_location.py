from __future__ import annotations

import pytest
from pyarrow import fs

from portdip.errors import LocationError
from portdip.exchange.location import open_location


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/var/drop", "/var/drop"),
        ("/var/drop/", "/var/drop"),
        ("/", "/"),
        ("file:///var/drop", "/var/drop"),
        ("file:///var/a%20drop/", "/var/a drop"),
    ],
)
def test_a_path_and_a_file_uri_are_places_here(text, path):
    filesystem, found = open_location(text)
    assert isinstance(filesystem, fs.LocalFileSystem)
    assert found == path


def test_a_relative_path_is_one_from_where_we_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert open_location("drop")[1] == str(tmp_path / "drop")


def test_an_object_store_is_named_by_uri():
    filesystem, path = open_location("s3://bucket/some/prefix/?region=eu-west-1")
    assert (filesystem.type_name, path) == ("s3", "bucket/some/prefix")


@pytest.mark.parametrize("text", ["gopher://host/path", "://", "file://host/path"])
def test_anything_else_is_refused_and_named(text):
    with pytest.raises(LocationError, match="not a place to read or write") as raised:
        open_location(text)
    assert raised.value.where == text
