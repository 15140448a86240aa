"""Locks, other processes, damage of our own and death: what an intake does about trouble that is not the delta's."""

from __future__ import annotations

import errno

import pytest

from portdip import files
from portdip.errors import (
    DamagedDeltaError,
    KeyFileError,
    PortdipError,
    StoreLockedError,
)
from portdip.exchange.delta import decode
from portdip.exchange.intake import Kind, Moved
from portdip.exchange.keys import SigningKey

from .nodes import Node, Publisher, UnsyncedDisk, damaged, offer, releases, signed_publisher, trusting


@pytest.fixture
def publisher() -> Publisher:
    return signed_publisher(6)


@pytest.fixture
def node(tmp_path, publisher) -> Node:
    return Node(tmp_path / "node", publisher.key)


def test_a_held_lock_is_passed_to_the_caller_and_nothing_is_lost(node, publisher):
    offer(node, publisher, 1)
    with files.locked(node.lock):
        for sequence in (2, 4):
            with pytest.raises(StoreLockedError):
                offer(node, publisher, sequence)
        assert offer(node, publisher, 1) == [Kind.DUPLICATE]
    assert (list(node.contents), node.waits) == ([1], {})
    assert offer(node, publisher, 4, 2, 3) == [Kind.WAITING, Kind.APPLIED, Kind.APPLIED]


def test_what_another_process_has_appended_counts(node, publisher):
    other = node.another_intake()
    offer(node, publisher, 1)
    assert offer(other, publisher, 2, 3) == [Kind.APPLIED] * 2
    assert offer(node, publisher, 3, 4) == [Kind.DUPLICATE, Kind.APPLIED]


def test_what_waits_for_a_delta_that_another_process_appends_is_taken_by_the_next_act(node, publisher):
    offer(node, publisher, 1, 3)
    node.chain.append(decode(publisher.contents[2], "publisher"))
    assert node.intake.drain() == Moved(applied=[3])
    assert node.intake.drain() == Moved()
    offer(node, publisher, 6)
    node.chain.append(decode(publisher.contents[4], "publisher"))
    outcome = node.intake.offer(publisher.contents[5], "src/5")
    assert (outcome.kind, outcome.applied) == (Kind.APPLIED, [5, 6])


def test_what_waits_for_another_process_is_taken_before_what_is_offered(node, publisher):
    offer(node, publisher, 1, 3)
    node.chain.append(decode(publisher.contents[2], "publisher"))
    outcome = node.intake.offer(publisher.contents[4], "src/4")
    assert (outcome.kind, outcome.applied) == (Kind.APPLIED, [3, 4])


def test_keys_of_a_delta_whose_writer_died_before_noting_them_are_noted_later(tmp_path):
    old, new = SigningKey.new(), SigningKey.new()
    publisher = Publisher(old)
    publisher.publish()
    publisher.publish(trusting(new))
    publisher.publish(key=new)
    node = Node(tmp_path / "node", old)
    offer(node, publisher, 1)
    node.chain.append(decode(publisher.contents[2], "publisher"))
    assert offer(node, publisher, 3) == [Kind.APPLIED]
    assert new.id in node.trust.read().keys


@pytest.mark.parametrize("loss", [damaged, lambda content: content[:50], None], ids=["damaged", "torn", "gone"])
def test_what_was_lost_while_it_waited_is_taken_when_it_comes_again(node, publisher, loss, monkeypatch):
    offer(node, publisher, 2, 3)
    (path,) = node.waiting.glob("*2-*")
    if loss:
        path.write_bytes(loss(publisher.contents[2]))
    else:
        path.unlink()
        path.symlink_to("nowhere")
    assert node.intake.offer(publisher.contents[1], "src/1").applied == [1]
    assert [refusal.origin for refusal in node.intake.quarantined] == ["src/2"]
    assert node.intake.missing == [(2, 2)]
    assert node.intake.offer(publisher.contents[2], "src/2").applied == [2, 3]


def test_what_waits_cannot_be_read_for_want_of_something_else_and_stays(node, publisher, monkeypatch):
    offer(node, publisher, 2)
    read_bytes = files.read_bytes

    def refuse(path):
        if path.parent == node.waiting:
            raise OSError(errno.EMFILE, "Too many open files", str(path))
        return read_bytes(path)

    monkeypatch.setattr(files, "read_bytes", refuse)
    with pytest.raises(OSError, match="Too many open files"):
        offer(node, publisher, 1)
    monkeypatch.undo()
    assert node.intake.drain().applied == [2]


def test_a_damaged_chain_takes_nothing_of_what_waits_and_refuses_none(node, publisher):
    offer(node, publisher, 1, 3)
    node.chain.append(decode(publisher.contents[2], "publisher"))
    node.restart()
    base = (node.deltas / "BASE").read_bytes()
    (node.deltas / "BASE").write_bytes(b"")
    with pytest.raises(DamagedDeltaError):
        node.intake.drain()
    assert (list(node.waits), node.intake.quarantined) == ([3], [])
    (node.deltas / "BASE").write_bytes(base)
    assert node.intake.drain().applied == [3]


def test_an_unreadable_list_of_keys_is_nobodys_delta_to_blame(node, publisher):
    good = node.trust.path.read_bytes()
    node.trust.path.write_bytes(b"{")
    for sequence in (1, 2):
        with pytest.raises(KeyFileError, match=str(node.trust.path)):
            offer(node, publisher, sequence)
    assert (node.contents, node.waits, node.intake.quarantined) == ({}, {}, [])
    node.trust.path.write_bytes(good)
    assert offer(node, publisher, 1) == [Kind.APPLIED]


def test_a_damaged_head_of_the_chain_is_nobodys_delta_to_blame(node, publisher):
    offer(node, publisher, 1, 2)
    node.chain.file(2).write_bytes(damaged(publisher.contents[2]))
    node.restart()
    with pytest.raises(PortdipError, match=node.chain.file(2).name):
        offer(node, publisher, 3)
    assert node.intake.quarantined == []


class DyingDisk(UnsyncedDisk):
    """The disk of a process that is killed at one of its calls, just before it or just after."""

    def __init__(self, lives: int, is_after: bool) -> None:
        self.lives = lives
        self.is_after = is_after


def dying(name: str):
    def call(self: DyingDisk, *arguments):
        self.lives -= 1
        if self.lives < -1 or (self.lives < 0 and not self.is_after):
            raise KeyboardInterrupt
        result = getattr(UnsyncedDisk, name)(self, *arguments)
        if self.lives < 0:
            raise KeyboardInterrupt
        return result

    return call


for name in ("open", "write", "truncate", "fsync", "rename", "link", "unlink", "mkdir"):
    setattr(DyingDisk, name, dying(name))


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
def test_after_a_death_at_any_call_of_the_disk_offering_again_goes_on(tmp_path, monkeypatch, is_after):
    old, new = SigningKey.new(), SigningKey.new()
    publisher = Publisher(old)
    publisher.publish()
    publisher.publish(trusting(new))
    publisher.publish(key=new)
    bad = publisher.make(sequence=2, key=SigningKey.new(), rows=releases(8613800000009))
    offers = [publisher.contents[3], publisher.contents[1], bad, publisher.contents[2]]
    deaths = 0
    for lives in range(1000):
        node = Node(tmp_path / f"{lives}", old)
        monkeypatch.setattr(files, "disk", DyingDisk(lives, is_after))
        try:
            for content in offers:
                node.intake.offer(content, "src")
        except KeyboardInterrupt:
            deaths += 1
        finally:
            monkeypatch.setattr(files, "disk", UnsyncedDisk())
        if deaths == lives:
            break
        node.restart()
        node.intake.drain()
        assert publisher.contents.items() >= node.contents.items()
        for content in offers:
            node.intake.offer(content, "src")
        assert node.contents == publisher.contents
        assert node.waits == {}
        assert node.quarantined == {bad}
        assert new.id in node.trust.read().keys
    assert deaths > 50
