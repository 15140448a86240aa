from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip.exchange import waiting
from portdip.exchange.waiting import WaitingRoom, gaps


@given(st.integers(0, 30), st.sets(st.integers(1, 30)))
def test_gaps_are_all_that_is_missing_up_to_the_last(head, present):
    missing = {sequence for first, last in gaps(head, present) for sequence in range(first, last + 1)}
    assert missing == set(range(head + 1, max(present, default=0) + 1)) - present


@given(st.integers(0, 30), st.sets(st.integers(1, 30)))
def test_gaps_are_in_order_and_apart(head, present):
    found = gaps(head, present)
    assert all(first <= last for first, last in found)
    assert all(last + 1 < first for (_, last), (first, _) in itertools.pairwise(found))


@pytest.fixture
def room(tmp_path) -> WaitingRoom:
    return WaitingRoom(tmp_path / "waiting")


def test_a_room_that_was_never_used_is_empty(room):
    assert (room.entries(), room.missing(4)) == ({}, [])


def test_several_may_wait_for_one_place(room):
    room.put(7, b"one", 4)
    room.put(7, b"other", 4)
    assert [path.read_bytes() for path in room.entries()[7]] in ([b"one", b"other"], [b"other", b"one"])
    assert room.missing(4) == [(5, 6)]


def test_what_is_removed_is_gone_and_may_be_removed_again(room):
    path = room.put(7, b"one", 4)
    for _ in range(2):
        room.remove(path)
    assert room.entries() == {}


def test_the_room_ends_so_far_ahead_of_the_chain(room, monkeypatch):
    monkeypatch.setattr(waiting, "AHEAD_MAX", 10)
    assert room.put(15, b"one", 4) is None
    assert room.put(14, b"one", 4) is not None


def test_what_is_not_ours_is_passed_over(room):
    room.put(7, b"one", 4)
    for name in (".00000000000000000009-0123456789abcdef.delta.tmp", "notes.txt", "9-0123456789abcdef.delta"):
        (room.path / name).write_bytes(b"")
    assert list(room.entries()) == [7]
