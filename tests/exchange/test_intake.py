"""What becomes of deltas at the door of a chain, whatever the order and state they come in."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from portdip.errors import (
    DamagedSnapshotError,
    RoutesFullError,
    SnapshotAwaitedError,
    StoreLockedError,
)
from portdip.exchange import waiting
from portdip.exchange.changes import Operation, batch
from portdip.exchange.intake import Kind
from portdip.exchange.keys import SigningKey
from portdip.exchange.quarantine import short_digest

from .nodes import BEGAN, Node, Publisher, damaged, offer, releases, revoking, signed_publisher, trusting


@pytest.fixture
def publisher() -> Publisher:
    return signed_publisher(6)


@pytest.fixture
def node(tmp_path, publisher) -> Node:
    return Node(tmp_path / "node", publisher.key)


def test_the_next_delta_enters_the_chain_byte_for_byte(node, publisher):
    outcome = node.intake.offer(publisher.contents[1], "src/1")
    assert (outcome.kind, outcome.sequence, outcome.applied, outcome.missing) == (Kind.APPLIED, 1, [1], [])
    assert node.contents == {1: publisher.contents[1]}
    assert not node.waiting.exists()
    assert not node.quarantine.exists()


def test_a_duplicate_changes_nothing(node, publisher):
    offer(node, publisher, 1, 2, 3)
    before = node.contents
    assert offer(node, publisher, 3, 1, 2) == [Kind.DUPLICATE] * 3
    assert node.contents == before
    assert not node.quarantine.exists()


def test_a_duplicate_of_a_delta_that_was_pruned_or_has_rotted_is_one(node, publisher):
    offer(node, publisher, 1, 2, 3)
    node.chain.file(1).write_bytes(damaged(publisher.contents[1]))
    assert offer(node, publisher, 1) == [Kind.DUPLICATE]
    node.chain.file(1).unlink()
    assert offer(node, publisher, 1) == [Kind.DUPLICATE]


def test_what_comes_too_early_waits_and_names_what_is_missing(node, publisher):
    outcome = node.intake.offer(publisher.contents[3], "src/3")
    assert (outcome.kind, outcome.missing, outcome.kept) == (Kind.WAITING, [(1, 2)], True)
    assert node.intake.offer(publisher.contents[6], "src/6").missing == [(1, 2), (4, 5)]
    assert node.intake.offer(publisher.contents[2], "src/2").missing == [(1, 1)]
    assert node.intake.missing == [(1, 1), (4, 5)]
    assert node.contents == {}
    assert node.waits == {sequence: [publisher.contents[sequence]] for sequence in (2, 3, 6)}


def test_the_delta_that_closes_a_gap_lets_in_those_that_waited(node, publisher):
    offer(node, publisher, 2, 3, 5)
    outcome = node.intake.offer(publisher.contents[1], "src/1")
    assert (outcome.kind, outcome.applied) == (Kind.APPLIED, [1, 2, 3])
    assert node.intake.missing == [(4, 4)]
    assert list(node.waits) == [5]


def test_what_waits_survives_a_restart_and_is_seen_by_other_processes(node, publisher):
    offer(node, publisher, 2)
    node.restart()
    assert node.intake.missing == node.another_intake().missing == [(1, 1)]
    assert node.intake.offer(publisher.contents[1], "src/1").applied == [1, 2]


def test_what_waits_is_kept_once(node, publisher):
    assert offer(node, publisher, 3, 3) == [Kind.WAITING] * 2
    assert node.waits == {3: [publisher.contents[3]]}


def test_what_is_too_far_ahead_is_not_kept_and_says_so(node, publisher, monkeypatch):
    monkeypatch.setattr(waiting, "AHEAD_MAX", 3)
    outcome = node.intake.offer(publisher.contents[4], "src/4")
    assert (outcome.kind, outcome.kept, outcome.missing) == (Kind.WAITING, False, [(1, 3)])
    assert offer(node, publisher, 3, 2, 1, 4) == [Kind.WAITING, Kind.WAITING, Kind.APPLIED, Kind.APPLIED]


def test_a_crowd_of_forgeries_does_not_fill_the_disk(node, publisher, monkeypatch):
    monkeypatch.setattr(waiting, "AHEAD_MAX", 4)
    stranger = SigningKey.new()
    forged = [publisher.make(releases(861380000000 + n), sequence=3, key=stranger) for n in range(6)]
    assert [node.intake.offer(content, "src").kept for content in forged] == [True] * 4 + [False] * 2
    assert not node.intake.offer(publisher.contents[2], "src/2").kept
    assert offer(node, publisher, 1, 2, 3) == [Kind.APPLIED] * 3
    assert node.waits == {}
    assert len(node.intake.quarantined) == 4


def test_a_torn_delta_is_neither_stored_nor_refused(node, publisher):
    outcome = node.intake.offer(publisher.contents[1][:-1], "src/1")
    assert (outcome.kind, outcome.sequence) == (Kind.TORN, None)
    assert "src/1, offset" in outcome.reason
    assert not node.quarantine.exists()
    assert offer(node, publisher, 1) == [Kind.APPLIED]


def test_a_torn_delta_is_refused_when_the_caller_has_waited_long_enough(node, publisher):
    torn = publisher.contents[1][:-1]
    outcome = node.intake.offer(torn, "src/1")
    refused = node.intake.refuse(torn, "src/1", outcome.error)
    assert (refused.kind, refused.reason) == (Kind.REFUSED, outcome.reason)
    assert node.quarantined == {torn}


def test_a_refused_delta_is_in_the_quarantine_with_its_reason(node, publisher):
    bad = damaged(publisher.contents[1])
    outcome = node.intake.offer(bad, "src/x.delta")
    assert (outcome.kind, outcome.sequence, outcome.applied) == (Kind.REFUSED, None, [])
    name = f"unknown-{short_digest(bad)}"
    assert {path.name for path in node.quarantine.iterdir()} == {f"{name}.delta", f"{name}.json"}
    assert (node.quarantine / f"{name}.delta").read_bytes() == bad
    told = json.loads((node.quarantine / f"{name}.json").read_bytes())
    assert told["kind"] == "DamagedDeltaError"
    assert told["reason"] == outcome.reason
    assert (told["where"], told["origin"]) == ("src/x.delta, offset 0", "src/x.delta")
    assert [refusal.name for refusal in node.intake.quarantined] == [name]


def test_the_same_bad_bytes_are_refused_again_and_stored_once(node, publisher):
    bad = damaged(publisher.contents[1])
    first, second = node.intake.offer(bad, "src/x"), node.another_intake().offer(bad, "src/y")
    assert first.kind is second.kind is Kind.REFUSED
    assert [len(outcome.moved.refused) for outcome in (first, second)] == [1, 0]
    assert [refusal.origin for refusal in node.intake.quarantined] == ["src/x"]


def test_the_good_delta_is_taken_after_the_bad_one(node, publisher):
    assert node.intake.offer(damaged(publisher.contents[1]), "src/1").kind is Kind.REFUSED
    assert offer(node, publisher, 1) == [Kind.APPLIED]


def test_a_refusal_says_whether_the_chain_has_passed_it(node, publisher):
    node.intake.offer(damaged(publisher.contents[1]), "src/odd.delta")
    node.intake.offer(damaged(publisher.contents[2]), "src/00000000000000000002.delta")
    node.intake.offer(publisher.make(releases(8613800000001), sequence=1, key=SigningKey.new()), "src/1")
    offer(node, publisher, 1)
    assert [refusal.sequence for refusal in node.intake.quarantined] == [None, 2, 1]
    assert [refusal.is_passed(1) for refusal in node.intake.quarantined] == [None, False, True]
    assert [refusal.is_passed(2) for refusal in node.intake.quarantined] == [None, True, True]


def test_a_row_that_makes_no_sense_is_refused(node, publisher):
    bad = publisher.make(batch(operation=[Operation.RELEASE], number=[0]), sequence=1)
    outcome = node.intake.offer(bad, "src/1")
    assert outcome.kind is Kind.REFUSED
    assert "row 1" in outcome.reason
    assert node.contents == {}


def test_what_the_table_does_not_admit_is_refused(tmp_path, publisher):
    def admit(delta):
        if delta.sequence == 2:
            raise RoutesFullError("too many routes")

    node = Node(tmp_path / "node", publisher.key, admit=admit)
    assert offer(node, publisher, 1, 2) == [Kind.APPLIED, Kind.REFUSED]
    assert list(node.contents) == [1]
    node.admit = lambda delta: None
    node.restart()
    assert offer(node, publisher, 2) == [Kind.APPLIED]


@pytest.mark.parametrize(
    "error",
    [
        StoreLockedError("another process is writing"),
        SnapshotAwaitedError(1, "ab" * 32, "cd" * 32),
        DamagedSnapshotError("a file is missing"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_not_the_deltas_fault_is_passed_to_the_caller_and_nothing_is_lost(tmp_path, publisher, error):
    def admit(delta):
        raise error

    node = Node(tmp_path / "node", publisher.key, admit=admit)
    offer(node, publisher, 2)
    with pytest.raises(type(error)):
        offer(node, publisher, 1)
    assert (node.contents, list(node.waits), node.intake.quarantined) == ({}, [2], [])
    node.admit = lambda delta: None
    node.restart()
    assert node.intake.offer(publisher.contents[1], "src/1").applied == [1, 2]


def test_of_two_that_wait_for_one_place_the_one_that_continues_the_chain_wins(node, publisher):
    fork = publisher.fork(2)
    other = fork.publish(releases(8613911112222))
    for content in (publisher.contents[3], other):
        assert node.intake.offer(content, "src").kind is Kind.WAITING
    assert len(node.waits[3]) == 2
    offer(node, publisher, 1)
    outcome = node.intake.offer(publisher.contents[2], "src/2")
    # Both continue delta 2 and are signed: the first by name wins, the other is quarantined.
    assert outcome.applied == [2, 3]
    assert node.waits == {}
    assert node.quarantined == {other, publisher.contents[3]} - {node.contents[3]}


def test_a_waiting_delta_of_another_history_is_quarantined_when_its_turn_comes(node, publisher):
    fork = publisher.fork(1)
    fork.publish(releases(8613911112222))
    other = fork.publish()
    node.intake.offer(other, "else/3")
    offer(node, publisher, 3, 1)
    outcome = node.intake.offer(publisher.contents[2], "src/2")
    assert outcome.kind is Kind.APPLIED
    assert outcome.applied == [2, 3]
    assert node.quarantined == {other}
    assert [(refusal.sequence, refusal.origin) for refusal in outcome.moved.refused] == [(3, "else/3")]


def test_a_key_may_be_introduced_inside_the_gap(tmp_path):
    old, new = SigningKey.new(), SigningKey.new()
    publisher = Publisher(old)
    publisher.publish(trusting(new))
    publisher.publish(key=new)
    publisher.publish(revoking(old), key=new)
    publisher.publish(key=new)
    node = Node(tmp_path / "node", old)
    assert offer(node, publisher, 4, 3, 2) == [Kind.WAITING] * 3
    assert node.intake.offer(publisher.contents[1], "src/1").applied == [1, 2, 3, 4]
    trust = node.trust.read()
    assert (trust.keys[new.id].since, trust.keys[old.id].until) == (1, 3)


def test_a_spoiled_signature_does_not_take_the_place_of_a_delta_that_waits(tmp_path):
    old, new = SigningKey.new(), SigningKey.new()
    publisher = Publisher(old)
    publisher.publish(trusting(new))
    good = publisher.publish(key=new)
    spoiled = good[:-64] + bytes(64)
    node = Node(tmp_path / "node", old)
    for content in (spoiled, good):
        assert node.intake.offer(content, "src").kind is Kind.WAITING
    assert node.intake.offer(publisher.contents[1], "src").applied == [1, 2]
    assert node.contents[2] == good
    assert node.waits == {}


def test_a_known_key_is_checked_before_its_delta_waits(node, publisher):
    assert node.intake.offer(publisher.contents[3][:-64] + bytes(64), "src").kind is Kind.REFUSED
    unsigned = Publisher()
    unsigned.heads = publisher.heads
    assert node.intake.offer(unsigned.make(sequence=3), "src").kind is Kind.REFUSED
    assert node.intake.missing == []


def test_another_dataset_is_refused_before_its_delta_waits(node, publisher):
    foreign = Publisher(publisher.key, "tw")
    for _ in range(3):
        foreign.publish()
    assert node.intake.offer(foreign.contents[3], "src").kind is Kind.REFUSED
    assert node.intake.missing == []


def test_an_unsigned_dataset_takes_unsigned_deltas(tmp_path):
    publisher = Publisher()
    publisher.publish()
    publisher.publish()
    node = Node(tmp_path / "node")
    assert offer(node, publisher, 2, 1) == [Kind.WAITING, Kind.APPLIED]
    assert node.contents == publisher.contents


def test_deltas_may_be_made_at_the_same_moment(tmp_path):
    publisher = Publisher()
    node = Node(tmp_path / "node")
    for _ in range(2):
        content = publisher.make(created=BEGAN + timedelta(days=1))
        assert node.intake.offer(content, "src").kind is Kind.APPLIED
        publisher.heads.append(node.chain.head)
