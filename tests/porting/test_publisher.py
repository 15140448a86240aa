"""The outbox reaches the chain: every change once, in order, whatever stops it on the way."""

import errno
import shutil
import threading

import pytest

from portdip import files
from portdip.errors import ChangeError, PublicationError
from portdip.exchange import delta
from portdip.exchange.changes import Operation
from portdip.lookup.load import init_store
from portdip.porting import outbox
from portdip.porting.outbox import Change
from portdip.porting.publisher import Published, Publisher

FIRST = 8610000000000


@pytest.fixture
def store(tmp_path):
    return init_store(tmp_path / "store", "cn")


@pytest.fixture
def publisher(database, store):
    return Publisher(database, store.writer)


def port(offset, **more):
    return Change(
        Operation.PORT, f"order-{offset}", offset + 1, FIRST + offset, carrier="CUCC", routing_number="0B", **more
    )


def put(database, *changes):
    with database.transaction() as tx:
        outbox.put(tx, changes)


def rows(store):
    """Sequence, version, order and number of all rows of the chain."""
    return [
        (sequence, row["version"], row["order"], row["number"])
        for sequence in store.chain.sequences()
        for row in store.chain.read(sequence).rows.to_pylist()
    ]


def test_changes_reach_the_chain_in_the_order_in_which_they_were_decided(database, store, publisher):
    put(database, port(5), port(3))
    put(database, port(4))
    assert publisher.step() == Published(3, 1)
    assert [(order, number) for _, _, order, number in rows(store)] == [
        ("order-5", FIRST + 5),
        ("order-3", FIRST + 3),
        ("order-4", FIRST + 4),
    ]
    versions = [version for _, version, _, _ in rows(store)]
    assert versions == sorted(set(versions))


def test_nothing_that_waits_is_no_delta(database, store, publisher):
    assert publisher.step() == Published(0, None)
    put(database, port(1))
    publisher.step()
    assert publisher.step() == Published(0, None)
    assert store.chain.sequences() == [1]


def test_what_was_rolled_back_is_never_published(database, store, publisher):
    def put_and_fail():
        with database.transaction() as tx:
            outbox.put(tx, [port(1)])
            raise InterruptedError

    with pytest.raises(InterruptedError):
        put_and_fail()
    assert publisher.step() == Published(0, None)


def test_a_change_the_chain_would_not_take_never_gets_into_the_outbox(database):
    with pytest.raises(ChangeError, match="16 digits"), database.transaction() as tx:
        outbox.put(tx, [Change(Operation.PORT, "order-1", 1, FIRST, carrier="CUCC", routing_number="not hex")])


def test_a_change_found_in_the_chain_is_not_published_again(database, store, publisher, monkeypatch):
    put(database, port(1), port(2))
    note, calls = Publisher._note, []

    def note_once(self, chain):
        calls.append(chain)
        if len(calls) == 2:
            raise InterruptedError
        return note(self, chain)

    monkeypatch.setattr(Publisher, "_note", note_once)
    with pytest.raises(InterruptedError):
        publisher.step()
    monkeypatch.undo()
    put(database, port(3))
    assert Publisher(database, store.writer).step() == Published(3, 2)
    assert [order for _, _, order, _ in rows(store)] == ["order-1", "order-2", "order-3"]


def test_rows_of_other_writers_are_not_taken_for_ours(database, store, publisher):
    put(database, port(0))
    publisher.step()
    (_, version, _, _) = rows(store)[0]
    put(database, port(1))
    with store.writer() as writer:
        writer.port(FIRST + 1, "CTCC", order="theirs", version=version + 1)
        writer.port(FIRST + 2, "CTCC")
    assert publisher.step() == Published(1, 3)
    assert rows(store)[-1][2] == "order-1"


def test_a_chain_that_was_there_before_is_gone_on_with(database, store, publisher):
    with store.writer() as writer:
        writer.port(FIRST, "CTCC", order="order-1", version=1)
    put(database, port(1))
    assert publisher.step() == Published(1, 2)


def test_a_chain_that_lost_its_end_is_refused(database, store, publisher, tmp_path):
    put(database, port(1))
    publisher.step()
    before = shutil.copytree(store.path, tmp_path / "backup")
    put(database, port(2))
    publisher.step()
    shutil.rmtree(store.path)
    before.rename(store.path)
    put(database, port(3))
    with pytest.raises(PublicationError, match="delta 2"):
        Publisher(database, store.writer).step()
    assert store.chain.sequences() == [1]


def test_another_chain_is_refused(database, store, publisher, tmp_path):
    put(database, port(1))
    publisher.step()
    other = init_store(tmp_path / "other", "cn")
    with other.writer() as writer:
        writer.port(FIRST, "CTCC")
    put(database, port(2))
    with pytest.raises(PublicationError, match="not the one"):
        Publisher(database, other.writer).step()


def test_many_changes_become_several_deltas_none_torn_between_two(database, store, publisher, monkeypatch):
    monkeypatch.setattr("portdip.porting.publisher.ROWS_MAX", 5)
    put(database, *(port(offset) for offset in range(4)), port(10, last=FIRST + 12), port(20))
    assert publisher.step() == Published(6, 2)
    assert [(sequence, number - FIRST) for sequence, _, _, number in rows(store)] == [
        *((1, offset) for offset in range(4)),
        *((2, offset) for offset in (10, 11, 12, 20)),
    ]
    assert delta.ROWS_MAX > 5


def test_publishers_side_by_side_publish_each_change_once(database, store):
    for offset in range(20):
        put(database, port(offset))
    done = []
    threads = [threading.Thread(target=lambda: done.append(Publisher(database, store.writer).step())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(published.count for published in done) == 20
    assert [number - FIRST for _, _, _, number in rows(store)] == list(range(20))


def test_a_full_disk_loses_nothing(database, store, publisher, monkeypatch):
    put(database, port(1))

    def full(handle, content, offset):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files.disk, "write", full)
        with pytest.raises(OSError, match="No space"):
            publisher.step()
    assert publisher.step() == Published(1, 1)
