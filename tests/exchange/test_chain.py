"""The chain in a directory: what continues it, what does not, and what a reader finds."""

import dataclasses
from datetime import UTC, datetime, timedelta, timezone

import pytest

from portdip.errors import DamagedDeltaError, ForeignDeltaError, TornDeltaError
from portdip.exchange.chain import Chain, Head
from tests.exchange.changes_made import MADE, made, ports

BEGINNING = Head.beginning("test")


@pytest.fixture
def chain(tmp_path):
    return Chain.create(tmp_path / "deltas", BEGINNING)


@pytest.fixture
def three(chain):
    """A chain of three deltas."""
    for _ in range(3):
        chain.append(made(ports(2), after=chain.head))
    return chain


def test_a_new_chain_continues_its_base(chain):
    assert chain.head == chain.base == BEGINNING
    assert chain.sequences() == []
    assert list(chain.after(BEGINNING)) == []


def test_a_chain_may_begin_anywhere(tmp_path):
    base = Head("test", 41, "ab" * 32, datetime(2026, 1, 1, tzinfo=UTC))
    chain = Chain.create(tmp_path / "deltas", base)
    assert Chain(chain.path).head == base
    chain.append(made(after=base))
    assert chain.head.sequence == 42


def test_what_was_appended_is_there(three):
    again = Chain(three.path)
    assert again.head == three.head
    assert again.sequences() == [1, 2, 3]
    assert [found.sequence for found in again.after(BEGINNING)] == [1, 2, 3]
    assert [found.sequence for found in again.after(Head.of(again.read(2)))] == [3]
    assert again.file(3).name == "00000000000000000003.delta"


def test_a_reader_sees_what_another_process_appends(three):
    reader = Chain(three.path)
    assert reader.head.sequence == 3
    three.append(made(after=three.head))
    assert reader.head == three.head


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"dataset": "other"}, "of another dataset.*expected test; got other"),
        ({"sequence": 2}, "not the next one.*expected sequence 4; got 3"),
        ({"sequence": 4}, "not the next one.*expected sequence 4; got 5"),
        ({"digest": "00" * 32}, "continues another chain"),
    ],
)
def test_what_does_not_continue_the_chain_is_refused(three, wrong, error):
    following = made(after=dataclasses.replace(three.head, **wrong))
    with pytest.raises(ForeignDeltaError, match=error):
        three.append(following)
    assert Chain(three.path).sequences() == [1, 2, 3]


def test_no_delta_is_older_than_the_one_before(three):
    with pytest.raises(ForeignDeltaError, match="older than the one before it"):
        three.append(made(after=three.head, created=MADE - timedelta(microseconds=1)))
    three.append(made(after=three.head, created=MADE))


def test_appending_the_last_delta_again_changes_nothing(three):
    """The call before may have failed after the file had its name."""
    last = three.read(3)
    written = three.file(3).stat().st_mtime_ns
    three.append(last)
    Chain(three.path).append(last)
    assert three.head.sequence == 3
    assert three.file(3).stat().st_mtime_ns == written


def test_two_who_append_at_once_do_not_overwrite(three):
    """The lock keeps them apart; without it the second is refused all the same."""
    other = Chain(three.path)
    assert other.head.sequence == 3
    mine, theirs = made(ports(1), after=three.head), made(ports(2), after=three.head)
    three.append(mine)
    with pytest.raises((ForeignDeltaError, FileExistsError)):
        other.append(theirs)
    assert Chain(three.path).read(4).digest == mine.digest


def test_a_hole_is_named(three):
    three.file(2).unlink()
    with pytest.raises(DamagedDeltaError, match=r"missing.*expected 00000000000000000002\.delta"):
        _ = Chain(three.path).head


def test_what_lost_its_beginning_ends_where_it_ends(three):
    """Old deltas may be removed once snapshots hold them."""
    three.file(1).unlink()
    assert Chain(three.path).head.sequence == 3
    with pytest.raises(FileNotFoundError):
        Chain(three.path).read(1)


def test_a_damaged_delta_is_named(three):
    content = three.file(2).read_bytes()
    three.file(2).write_bytes(content[:-1])
    with pytest.raises(TornDeltaError, match=f"{three.file(2)}, offset {len(content) - 1}"):
        list(three.after(BEGINNING))


def test_a_delta_in_the_wrong_place(three):
    three.file(3).write_bytes(three.file(2).read_bytes())
    with pytest.raises(ForeignDeltaError, match=r"wrong place.*got sequence 2"):
        three.read(3)


def test_deltas_that_are_exchanged_are_found(tmp_path, three):
    other = Chain.create(tmp_path / "other", BEGINNING)
    for _ in range(3):
        other.append(made(ports(3), after=other.head))
    three.file(2).write_bytes(other.file(2).read_bytes())
    with pytest.raises(ForeignDeltaError, match="continues another chain"):
        list(three.after(BEGINNING))


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"dataset": 1, "sequence": 1}', b"\xff"])
def test_a_beginning_that_cannot_be_read(chain, content):
    (chain.path / "BASE").write_bytes(content)
    with pytest.raises(DamagedDeltaError) as caught:
        _ = chain.base
    assert str(caught.value).startswith(f"the chain's beginning cannot be read; at {chain.path / 'BASE'}; got ")
    assert caught.value.got not in ("", "None")


def test_a_beginning_of_another_zone_is_of_utc(chain):
    ours = datetime(2026, 1, 1, 8, tzinfo=timezone(timedelta(hours=8)))
    (chain.path / "BASE").write_bytes(dataclasses.replace(BEGINNING, created=ours).render())
    assert chain.base.created.isoformat() == "2026-01-01T00:00:00+00:00"


def test_other_files_in_the_directory_are_passed_over(three):
    (three.path / ".00000000000000000004.delta.tmp").write_bytes(b"half")
    (three.path / "readme.delta").write_bytes(b"")
    assert Chain(three.path).sequences() == [1, 2, 3]
