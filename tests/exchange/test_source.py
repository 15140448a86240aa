"""A directory as a source: what it offers, once, in order, and again where that may help."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pyarrow import fs

from portdip.exchange import source
from portdip.exchange.chain import file_name
from portdip.exchange.source import Arrival, DirectorySource


class Directory:
    """A drop directory, the source that reads it, and a clock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.source = DirectorySource(str(path), patience=30)
        self.now = 1000.0

    def put(self, name: str | int, content: bytes = b"new") -> None:
        path = self.path / (file_name(name) if isinstance(name, int) else name)
        aside = path.with_name(".aside")
        aside.write_bytes(content)
        aside.rename(path)

    def arrivals(self, after: int = 0, later: float = 0.0) -> list[Arrival]:
        self.now += later
        return list(self.source.arrivals(after, self.now))

    def names(self, after: int = 0, later: float = 0.0) -> list[str]:
        """Names of arrivals, canonical ones without their zeros."""
        return [arrival.name.lstrip("0").removesuffix(".delta") for arrival in self.arrivals(after, later)]


@pytest.fixture
def drop(tmp_path) -> Directory:
    return Directory(tmp_path / "drop")


def test_files_are_offered_in_order_of_their_names_and_once(drop):
    for name in (3, 1, "b.delta", 2, "a.delta", 10, 9):
        drop.put(name, str(name).encode())
    assert drop.names() == ["1", "2", "3", "9", "10", "a", "b"]
    assert drop.names(later=2) == []
    assert drop.source.newest() == 10


def test_the_content_is_that_of_the_file(drop):
    drop.put(1, b"content")
    assert drop.arrivals() == [Arrival(file_name(1), b"content", False)]


def test_what_the_chain_has_is_not_offered(drop):
    for name in (1, 2, 3, 5):
        drop.put(name)
    assert drop.names(after=2) == ["3", "5"]


def test_what_is_far_ahead_is_not_read_but_counts_as_known(drop, monkeypatch):
    monkeypatch.setattr(source, "AHEAD_MAX", 10)
    for name in (3, 12, 20):
        drop.put(name)
    assert drop.names(after=1) == ["3"]
    assert drop.source.newest() == 20
    assert drop.names(after=3, later=2) == ["12"]
    assert drop.names(after=12, later=2) == ["20"]


def test_the_next_file_is_found_without_listing(drop, monkeypatch):
    assert drop.names() == []
    monkeypatch.setattr(DirectorySource, "_list", None)
    drop.put(1)
    drop.put(2)
    assert drop.names(later=0.1) == ["1", "2"]
    assert drop.source.newest() == 2


def test_an_idle_directory_is_not_listed_again_before_its_time(drop, monkeypatch):
    drop.put(5)
    assert drop.names() == ["5"]
    listings = []
    monkeypatch.setattr(DirectorySource, "_list", lambda self, after: listings.append(1) or [])
    for _ in range(10):
        drop.names(later=2)
    assert not listings
    drop.names(later=30)
    assert len(listings) == 1


def test_a_listing_that_takes_long_is_made_more_rarely(drop, monkeypatch):
    ticks = iter([0.0, 0.5])
    monkeypatch.setattr(source.time, "perf_counter", lambda: next(ticks))
    drop.put(5)
    assert drop.names() == ["5"]
    drop.put(6)
    assert drop.names(later=4.9) == []
    monkeypatch.undo()
    assert drop.names(later=0.2) == ["6"]


def test_a_file_is_offered_again_when_it_has_changed(drop):
    drop.put(1, b"one")
    drop.put("x.delta", b"x")
    assert drop.names() == ["1", "x"]
    drop.put(1, b"another")
    assert drop.names(later=0.1) == ["1"]
    drop.put("x.delta", b"another")
    assert drop.names(later=2) == ["x"]


def test_what_was_not_fetched_from_the_iterator_is_offered_by_the_next(drop):
    for name in (1, 2, 5, "x.delta"):
        drop.put(name)
    arrivals = drop.source.arrivals(0, drop.now)
    assert [next(arrivals).name, next(arrivals).name, next(arrivals).name] == [file_name(1), file_name(2), file_name(5)]
    arrivals.close()
    assert drop.names() == ["x"]


def test_what_is_watched_is_offered_when_it_changes_in_place(drop):
    drop.put(3, b"to")
    (torn,) = drop.arrivals()
    drop.source.watch(torn)
    assert drop.names(later=2) == []
    with open(drop.path / file_name(3), "ab") as file:
        file.write(b"rn")
    (arrival,) = drop.arrivals(later=2)
    assert (arrival.content, arrival.settled) == (b"torn", False)


def test_what_is_watched_is_offered_as_settled_when_it_stays_as_it_is(drop):
    drop.put("x.delta", b"torn")
    (torn,) = drop.arrivals()
    drop.source.watch(torn)
    assert drop.arrivals(later=29) == []
    (arrival,) = drop.arrivals(later=1)
    assert arrival == Arrival("x.delta", b"torn", True)
    assert drop.arrivals(later=100) == []


def test_what_is_mended_without_a_trace_is_offered_after_a_while(drop):
    drop.put(3, b"bad!")
    times = os.stat(drop.path / file_name(3))
    (bad,) = drop.arrivals()
    drop.source.watch(bad)
    (drop.path / file_name(3)).write_bytes(b"good")
    os.utime(drop.path / file_name(3), ns=(times.st_atime_ns, times.st_mtime_ns))
    assert drop.arrivals(later=2) == []
    assert [arrival.content for arrival in drop.arrivals(later=30)] == [b"good"]


def test_what_was_not_taken_is_offered_again_once_the_chain_has_come_so_far(drop):
    for name in (4, "x.delta"):
        drop.put(name)
    first, second = drop.arrivals()
    drop.source.again(first, 2)
    drop.source.again(second, 3)
    assert drop.names(after=1, later=2) == []
    assert drop.names(after=2, later=2) == ["4"]
    assert drop.names(after=3, later=2) == ["x"]
    assert drop.names(after=3, later=2) == []


def test_what_was_not_taken_for_a_lock_is_offered_at_once(drop):
    drop.put(1)
    (arrival,) = drop.arrivals()
    drop.source.again(arrival, 0)
    assert drop.names() == ["1"]


def test_what_has_gone_is_forgotten(drop):
    drop.put("x.delta")
    (arrival,) = drop.arrivals()
    (drop.path / "x.delta").unlink()
    assert drop.names(later=2) == []
    drop.source.watch(arrival)
    drop.source.again(arrival, 0)
    drop.put("x.delta")
    assert drop.names(later=2) == ["x"]


def test_a_file_that_vanishes_while_it_is_read_is_no_error(drop, monkeypatch):
    drop.put(1)
    drop.put("x.delta")

    def vanish(self, info):
        raise FileNotFoundError(info.path)

    monkeypatch.setattr(DirectorySource, "_content", vanish)
    assert drop.names() == []
    monkeypatch.undo()
    assert drop.names(later=31) == ["1", "x"]


@pytest.mark.parametrize("name", [1, 4, "x.delta"])
def test_a_directory_called_like_a_delta_is_reported_after_a_while_and_holds_nothing_up(drop, name):
    (drop.path / (file_name(name) if isinstance(name, int) else name)).mkdir()
    drop.put(2)
    assert drop.names() == ["2"]
    assert drop.names(later=29) == []
    (arrival,) = drop.arrivals(later=1)
    assert (arrival.content, arrival.settled, arrival.problem.what) == (b"", True, "not a file")


def test_a_pipe_is_never_opened(drop):
    os.mkfifo(drop.path / file_name(1))
    assert drop.names() == []
    assert [arrival.problem.what for arrival in drop.arrivals(later=30)] == ["not a file"]


def test_a_file_that_cannot_be_read_is_tried_until_it_can(drop, monkeypatch):
    drop.put(1, b"content")
    drop.put(2)

    def refuse(self, info):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(DirectorySource, "_content", refuse)
    assert drop.names() == []
    assert drop.names(later=10) == []
    monkeypatch.undo()
    assert drop.names(later=10) == ["1", "2"]


def test_a_file_that_can_never_be_read_is_reported_after_a_while(drop, monkeypatch):
    drop.put("x.delta")

    def refuse(self, info):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(DirectorySource, "_content", refuse)
    assert drop.names() == []
    (arrival,) = drop.arrivals(later=30)
    assert "Permission denied" in str(arrival.problem)
    assert f"{drop.path}/x.delta" in str(arrival.problem)


def test_a_file_too_large_for_a_delta_is_not_read(drop, monkeypatch):
    monkeypatch.setattr(source, "SIZE_MAX", 4)
    drop.put("x.delta", b"12345")
    drop.put("y.delta", b"1234")
    assert drop.names() == ["y"]
    assert [arrival.problem.what for arrival in drop.arrivals(later=30)] == ["the file is too large"]


def test_other_files_are_passed_over(drop):
    for name in ("BASE", ".hidden.delta", "000.delta.tmp", "x.csv"):
        drop.put(name)
    assert drop.names() == []
    assert drop.source.newest() is None


def test_a_name_that_is_no_text_holds_nothing_up(drop):
    (drop.path / "x.delta").write_bytes(b"x")
    os.rename(drop.path / "x.delta", os.fsencode(drop.path) + b"/\xff.delta")
    drop.put(3)
    assert drop.names() == ["3"]


def test_a_store_or_a_backup_is_a_source(tmp_path):
    drop = Directory(tmp_path / "store")
    (drop.path / "deltas").mkdir()
    drop.put(1)
    drop.put(f"deltas/{file_name(2)}")
    assert drop.names() == ["2"]
    assert drop.source.name == str(tmp_path / "store")


def test_a_directory_of_deltas_may_come_later(drop):
    drop.put(1)
    assert drop.names() == ["1"]
    (drop.path / "deltas").mkdir()
    drop.put(f"deltas/{file_name(2)}")
    assert drop.names(after=1, later=2) == ["2"]


def test_a_source_that_is_not_there_is_an_error_until_it_is(tmp_path):
    drop = Directory(tmp_path / "drop")
    drop.path.rmdir()
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            drop.arrivals()
    drop.path.mkdir()
    drop.put(1)
    assert drop.names() == ["1"]


def test_what_is_newest_goes_back_with_the_directory(drop):
    for name in (1, 2):
        drop.put(name)
    drop.names()
    assert drop.source.newest() == 2
    (drop.path / file_name(2)).unlink()
    drop.names(later=2)
    assert drop.source.newest() == 1


def test_little_is_kept_in_memory_of_a_long_backlog(drop, monkeypatch):
    monkeypatch.setattr(source, "AHEAD_MAX", 3)
    for name in range(1, 20):
        drop.put(name)
    arrivals = drop.source.arrivals(0, drop.now)
    for _ in range(15):
        next(arrivals)
    arrivals.close()
    next(drop.source.arrivals(15, drop.now))
    assert len(drop.source._files) == 1


@pytest.fixture
def store(monkeypatch) -> fs.FileSystem:
    """An object store whose objects all say one time and whose directories tell of no change."""
    from datetime import UTC, datetime

    filesystem = fs._MockFileSystem(datetime(2026, 1, 1, tzinfo=UTC))
    filesystem.create_dir("bucket/prefix")
    monkeypatch.setattr(source, "open_location", lambda text: (filesystem, text.partition("://")[2]))
    return filesystem


def test_an_object_store_is_a_source(store):
    def put(name: str, content: bytes) -> None:
        with store.open_output_stream(f"bucket/prefix/{name}") as stream:
            stream.write(content)

    found = DirectorySource("mock://bucket/prefix", patience=30)
    put(file_name(1), b"one")
    put("x.delta", b"torn")
    one, torn = found.arrivals(0, 1.0)
    assert (one.content, torn.content) == (b"one", b"torn")
    found.watch(torn)
    put(file_name(2), b"two")
    assert [arrival.content for arrival in found.arrivals(1, 1.1)] == [b"two"]
    put("x.delta", b"whole")
    put(file_name(9), b"nine")
    assert [arrival.content for arrival in found.arrivals(2, 40.0)] == [b"nine", b"whole"]
    assert found.newest() == 9
