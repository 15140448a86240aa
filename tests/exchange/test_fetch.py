"""One look at a source after the other: what is told of it, and that trouble of any kind passes."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from portdip import files
from portdip.errors import DamagedDeltaError, KeyFileError, StoreLockedError
from portdip.exchange import fetch, waiting
from portdip.exchange.chain import file_name
from portdip.exchange.delta import decode
from portdip.exchange.fetch import Fetcher, Progress
from portdip.exchange.following import Following
from portdip.exchange.source import DirectorySource

from .nodes import Node, Publisher, damaged, drop, releases, signed_publisher

EPOCH = datetime(2026, 6, 1, tzinfo=UTC)


class Follower:
    """A node that follows a drop directory, and a clock for both."""

    def __init__(self, path: Path, publisher: Publisher) -> None:
        self.drop = path / "drop"
        self.drop.mkdir()
        self.node = Node(path / "node", publisher.key)
        self.status = self.node.path / "following.json"
        self.now = 0.0
        self.restart()

    def restart(self) -> None:
        self.node.restart()
        source = DirectorySource(str(self.drop))
        self.fetcher = Fetcher(source, self.node.intake, self.status, lambda: EPOCH + timedelta(seconds=self.now))

    def poll(self, later: float = 0.0) -> Progress:
        self.now += later
        return self.fetcher.poll(self.now)

    @property
    def following(self) -> Following | None:
        return Following.read(self.status)


@pytest.fixture
def publisher() -> Publisher:
    return signed_publisher(6)


@pytest.fixture
def follower(tmp_path, publisher) -> Follower:
    return Follower(tmp_path, publisher)


def test_a_source_is_followed_to_its_end(follower, publisher):
    drop(follower.drop, publisher, 1, 2, 3)
    assert follower.poll() == Progress(applied=[1, 2, 3], newest=3, caught_up=True)
    assert follower.poll() == Progress(newest=3, caught_up=True)
    drop(follower.drop, publisher, 4)
    assert follower.poll(later=0.02).applied == [4]
    assert follower.node.contents == {sequence: publisher.contents[sequence] for sequence in range(1, 5)}


def test_a_gap_is_waited_for_and_named(follower, publisher):
    drop(follower.drop, publisher, 1, 4, 5)
    progress = follower.poll()
    assert (progress.applied, progress.waiting, progress.missing) == ([1], 2, [(2, 3)])
    assert (progress.newest, progress.caught_up) == (5, False)
    drop(follower.drop, publisher, 3)
    assert follower.poll(later=2).missing == [(2, 2)]
    drop(follower.drop, publisher, 2)
    assert follower.poll() == Progress(applied=[2, 3, 4, 5], newest=5, caught_up=True)


def test_other_names_and_duplicates_are_no_trouble(follower, publisher):
    for name, sequence in [("z", 1), ("a", 2), ("m", 1), ("b", 3)]:
        (follower.drop / f"{name}.delta").write_bytes(publisher.contents[sequence])
    progress = follower.poll()
    assert (progress.applied, progress.duplicates, progress.waiting) == ([1, 2, 3], 1, 2)
    assert progress.caught_up


def test_a_file_still_being_written_is_taken_when_it_is_whole(follower, publisher):
    drop(follower.drop, publisher, 2)
    path = follower.drop / file_name(1)
    path.write_bytes(publisher.contents[1][:200])
    progress = follower.poll()
    assert (progress.torn, progress.refused, progress.missing) == ([path.name], [], [(1, 1)])
    assert not progress.caught_up
    with open(path, "ab") as file:
        file.write(publisher.contents[1][200:])
    assert follower.poll(later=0.1).applied == [1, 2]


def test_a_file_that_stays_torn_is_refused_when_patience_ends_and_its_like_taken_later(follower, publisher):
    path = follower.drop / file_name(1)
    path.write_bytes(publisher.contents[1][:200])
    assert follower.poll().torn == [path.name]
    assert follower.poll(later=29).refused == []
    (refusal,) = follower.poll(later=1).refused
    assert (refusal.kind, refusal.origin, refusal.sequence) == ("TornDeltaError", str(path), 1)
    for _ in range(3):
        assert follower.poll(later=31).refused == []
    drop(follower.drop, publisher, 1)
    assert follower.poll(later=1).applied == [1]
    assert [refusal.is_passed(1) for refusal in follower.node.intake.quarantined] == [True]


def test_a_damaged_file_is_refused_at_once_and_told_once(follower, publisher):
    path = follower.drop / file_name(1)
    path.write_bytes(damaged(publisher.contents[1]))
    progress = follower.poll()
    assert [refusal.kind for refusal in progress.refused] == ["DamagedDeltaError"]
    assert (progress.newest, progress.caught_up) == (1, False)
    assert [follower.poll(later=31).refused for _ in range(3)] == [[]] * 3
    path.write_bytes(publisher.contents[1])
    assert follower.poll(later=31).applied == [1]


def test_a_damaged_file_that_is_mended_without_a_trace_is_taken_after_a_while(follower, publisher):
    path = follower.drop / file_name(1)
    path.write_bytes(damaged(publisher.contents[1]))
    times = path.stat()
    follower.poll()
    path.write_bytes(publisher.contents[1])
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert follower.poll(later=1).applied == []
    assert follower.poll(later=30).applied == [1]


def test_what_can_never_be_read_is_refused_without_bytes(follower):
    (follower.drop / "x.delta").mkdir()
    assert follower.poll().refused == []
    (refusal,) = follower.poll(later=31).refused
    assert refusal.kind == "LocationError"
    assert follower.node.quarantined == set()


def test_what_finds_no_room_to_wait_is_taken_in_its_turn(follower, publisher, monkeypatch):
    monkeypatch.setattr(waiting, "AHEAD_MAX", 2)
    for sequence in (3, 4, 5, 6):
        (follower.drop / f"{sequence}.delta").write_bytes(publisher.contents[sequence])
    progress = follower.poll()
    assert (progress.waiting, list(follower.node.waits)) == (4, [])
    drop(follower.drop, publisher, 1, 2)
    assert [follower.poll(later=2).applied for _ in range(3)] == [[1, 2], [3, 4], [5, 6]]


def test_a_lock_that_is_held_is_a_problem_that_passes(follower, publisher):
    drop(follower.drop, publisher, 1, 3)
    with files.locked(follower.node.lock):
        progress = follower.poll()
        assert isinstance(progress.problem, StoreLockedError)
        assert (progress.applied, progress.caught_up, progress.newest) == ([], False, 1)
    progress = follower.poll()
    assert (progress.problem, progress.applied, progress.waiting) == (None, [1], 1)


def test_a_full_disk_is_a_problem_that_passes(follower, publisher, monkeypatch):
    class FullDisk(type(files.disk)):
        def write(self, handle, content, offset):
            raise OSError(errno.ENOSPC, "No space left on device")

    drop(follower.drop, publisher, 1, 2, 4)
    monkeypatch.setattr(files, "disk", FullDisk())
    progress = follower.poll()
    assert progress.problem.errno == errno.ENOSPC
    assert follower.node.contents == {}
    monkeypatch.undo()
    progress = follower.poll()
    assert (progress.problem, progress.applied, progress.missing) == (None, [1, 2], [(3, 3)])


def test_a_source_that_cannot_be_reached_is_a_problem_that_passes(follower, publisher):
    follower.drop.rmdir()
    progress = follower.poll()
    assert isinstance(progress.problem, FileNotFoundError)
    assert not progress.caught_up
    drop(follower.drop, publisher, 1)
    assert follower.poll(later=2).applied == [1]


def test_an_unreadable_list_of_keys_is_a_problem_and_no_refusal(follower, publisher):
    drop(follower.drop, publisher, 1)
    good = follower.node.trust.path.read_bytes()
    follower.node.trust.path.write_bytes(b"")
    progress = follower.poll()
    assert isinstance(progress.problem, KeyFileError)
    assert (progress.refused, progress.caught_up) == ([], False)
    follower.node.trust.path.write_bytes(good)
    assert follower.poll().applied == [1]


def test_a_damaged_chain_of_our_own_is_a_problem_and_no_refusal(follower, publisher):
    drop(follower.drop, publisher, 1)
    follower.poll()
    follower.node.chain.file(1).write_bytes(damaged(publisher.contents[1]))
    follower.restart()
    progress = follower.poll(later=2)
    assert isinstance(progress.problem, DamagedDeltaError)
    assert follower.following.problem == str(progress.problem)


def test_a_long_backlog_is_taken_in_several_polls(follower, publisher, monkeypatch):
    monkeypatch.setattr(fetch, "ARRIVALS_MAX", 4)
    drop(follower.drop, publisher, *range(1, 7))
    first, second = follower.poll(), follower.poll()
    assert (first.applied, first.caught_up) == ([1, 2, 3, 4], False)
    assert (second.applied, second.caught_up) == ([5, 6], True)


def test_what_waited_for_another_process_goes_on_at_the_next_poll(follower, publisher):
    drop(follower.drop, publisher, 1, 3)
    follower.poll()
    follower.node.chain.append(decode(publisher.contents[2], "publisher"))
    assert follower.poll().applied == [3]


def test_what_waited_through_a_restart_goes_on_without_the_source(follower, publisher):
    drop(follower.drop, publisher, 1, 3)
    follower.poll()
    follower.restart()
    follower.node.chain.append(decode(publisher.contents[2], "publisher"))
    assert follower.poll().applied == [3]


def test_a_waiting_room_that_somebody_cleared_fills_again(follower, publisher):
    drop(follower.drop, publisher, 2, 3)
    follower.poll()
    for path in follower.node.waiting.iterdir():
        path.unlink()
    assert follower.poll(later=31).missing == [(1, 1)]
    drop(follower.drop, publisher, 1)
    assert follower.poll().applied == [1, 2, 3]


def test_two_sources_close_each_others_gaps(follower, publisher, tmp_path):
    other = tmp_path / "other"
    drop(other, publisher, 2, 4, 6)
    drop(follower.drop, publisher, 1, 3, 5)
    second = Fetcher(DirectorySource(str(other)), follower.node.another_intake(), follower.status)
    assert second.poll(0.0).waiting == 3
    assert follower.poll().applied == [1, 2, 3, 4, 5, 6]
    assert second.poll(2.0).caught_up


def test_the_status_tells_any_process_how_far_the_node_is(follower, publisher):
    drop(follower.drop, publisher, 1, 4)
    follower.poll(later=10)
    told = follower.following
    assert told == Following(str(follower.drop), EPOCH + timedelta(seconds=10), 4, [(2, 3)], None, "")
    drop(follower.drop, publisher, 2, 3)
    follower.poll(later=1)
    caught_up_at = EPOCH + timedelta(seconds=11)
    assert follower.following == Following(str(follower.drop), caught_up_at, 4, [], caught_up_at, "")


def test_the_status_is_written_at_most_once_a_second(follower, publisher):
    follower.poll()
    drop(follower.drop, publisher, 1)
    follower.poll(later=0.9)
    assert follower.following.newest is None
    follower.poll(later=0.1)
    assert follower.following.newest == 1


def test_when_a_node_was_last_caught_up_outlives_a_restart_but_not_a_change_of_source(follower, publisher):
    drop(follower.drop, publisher, 1)
    follower.poll()
    drop(follower.drop, publisher, 3)
    follower.restart()
    follower.poll(later=5)
    assert follower.following.caught_up_at == EPOCH
    Fetcher(DirectorySource(str(follower.drop / "else")), follower.node.intake, follower.status).poll(100.0)
    assert follower.following.caught_up_at is None


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"polled_at": 1}'])
def test_a_status_that_says_nothing_is_none(tmp_path, content):
    (tmp_path / "following.json").write_bytes(content)
    assert Following.read(tmp_path / "following.json") is None


def test_a_status_that_cannot_be_written_holds_nothing_up(follower, publisher):
    follower.status.mkdir()
    drop(follower.drop, publisher, 1)
    progress = follower.poll()
    assert progress.applied == [1]
    assert isinstance(progress.problem, IsADirectoryError)


def test_a_fork_is_refused_and_the_rest_still_taken(follower, publisher):
    fork = publisher.fork(1)
    fork.publish(releases(8613911112222))
    drop(follower.drop, publisher, 1, 2)
    follower.poll()
    (follower.drop / "fork.delta").write_bytes(fork.contents[2])
    drop(follower.drop, publisher, 3)
    progress = follower.poll(later=2)
    assert (progress.applied, [refusal.sequence for refusal in progress.refused]) == ([3], [2])
