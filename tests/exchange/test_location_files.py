"""Files of a place, here and elsewhere: the same whatever the file system, whole or not at all."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyarrow import fs

from portdip.errors import LocationError
from portdip.exchange import location as module
from portdip.exchange.location import (
    BLOCK_BYTES,
    LocalLocation,
    Location,
    RemoteLocation,
    location_at,
    read_whole,
)


def local(path: Path) -> Location:
    return LocalLocation(path / "place")


def below(path: Path) -> Location:
    """A local directory that is reached as a remote one is."""
    return RemoteLocation(fs.SubTreeFileSystem(str(path), fs.LocalFileSystem()), "place", "sub://place")


def mock(path: Path) -> Location:
    return RemoteLocation(fs._MockFileSystem(datetime(2026, 1, 1, tzinfo=UTC)), "bucket/place", "mock://bucket/place")


@pytest.fixture(params=[local, below, mock, "an object store"])
def place(request, tmp_path, monkeypatch) -> Location:
    if request.param == "an object store":
        monkeypatch.setattr(module, "_OBJECT_STORES", {"mock"})
        return mock(tmp_path)
    return request.param(tmp_path)


def test_what_is_put_is_there(place):
    assert (place.sizes("a"), place.directories(""), place.sizes("")) == ({}, [], {})
    place.put("a/b/one", [b"first", b"", b"second"])
    place.put("a/two", [b"x"])
    place.put("three", [])
    assert read_whole(place, "a/b/one") == b"firstsecond"
    assert (place.sizes("a"), place.sizes("a/b"), place.sizes("")) == ({"two": 1}, {"one": 11}, {"three": 0})
    assert (place.directories("a"), place.directories("")) == (["b"], ["a"])
    assert read_whole(place, "three") == b""
    assert place.size_of(7) == 7


def test_what_is_put_again_replaces_it(place):
    place.put("a", [b"long before"])
    place.put("a", [b"now"])
    assert read_whole(place, "a") == b"now"
    assert place.sizes("") == {"a": 3}


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES])
def test_a_file_is_read_in_blocks_of_one_size(place, size):
    content = bytes(i % 253 for i in range(size))
    place.put("a", [content])
    blocks = list(place.blocks("a"))
    assert b"".join(blocks) == content
    assert all(len(block) == BLOCK_BYTES for block in blocks[:-1])
    assert all(blocks)


def test_a_file_that_is_not_there_is_not_found(place):
    with pytest.raises(FileNotFoundError):
        read_whole(place, "nothing")


def test_an_error_on_the_way_leaves_nothing_half_written(place):
    def half():
        yield b"x" * 100
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        place.put("a/new", half())
    assert place.sizes("a") == {}


def test_an_error_on_the_way_leaves_what_was_there(tmp_path):
    def half():
        yield b"x" * 100
        raise OSError("gone")

    for place in (local(tmp_path), below(tmp_path), mock(tmp_path)):
        place.put("a", [b"before"])
        with pytest.raises(OSError, match="gone"):
            place.put("a", half())
        assert read_whole(place, "a") == b"before"
        assert place.sizes("") == {"a": 6}


def test_a_file_too_large_to_be_read_whole_is_refused(place, monkeypatch):
    monkeypatch.setattr(module, "WHOLE_MAX", 10)
    place.put("a", [bytes(11)])
    with pytest.raises(LocationError, match=r"too large.*/a; expected at most 10 bytes"):
        read_whole(place, "a")


def test_names_with_a_dot_are_nobody_s(place, tmp_path):
    place.put(".hidden", [b"x"])
    place.put(".git/x", [b"x"])
    assert (place.sizes(""), place.directories("")) == ({}, [])


def test_a_place_is_opened_by_its_text(tmp_path):
    found = location_at(str(tmp_path / "place"))
    assert isinstance(found, LocalLocation)
    assert found.name == str(tmp_path / "place")
    remote = location_at("s3://bucket/prefix/?region=eu-west-1")
    assert remote.name == "s3://bucket/prefix/?region=eu-west-1"
