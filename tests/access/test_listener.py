import os
import signal
import socket
import sys
import threading
import time

import dns.flags
import dns.message
import dns.rcode
import pytest

from portdip.access import Clients, EnumResponder, Limits, Listener, PdbResponder
from portdip.access.counters import Counters
from portdip.access.enum_tables import EnumTables
from portdip.access.pdb_carriers import PdbTables
from portdip.lookup.engine import Engine, open_engine
from portdip.settings.access import Enum, Pdb
from tests.access.listening import Served, client, serving
from tests.access.plain_pdb import NOT_FOUND, bare_v1, found_v1, request_v1
from tests.lookup.stores import PORTED, UNALLOCATED, make_store

#: Seconds after which a request is late, here; half of it is the limit.
LATE = 0.4
CARRIER = 12
REQUEST = request_v1(str(PORTED))
REPLY = found_v1(str(PORTED), CARRIER)
UNKNOWN = request_v1(str(UNALLOCATED))


@pytest.fixture(scope="module")
def engine(tmp_path_factory) -> Engine:
    return open_engine(make_store(tmp_path_factory.mktemp("listener") / "store"))


def pdb_of(engine: Engine, carrier: int = CARRIER) -> PdbResponder:
    settings = Pdb(carriers={"CM": 11, "CT": 10, "CU": carrier})
    return PdbResponder(engine.generation, PdbTables.of(engine.generation, settings, None))


@pytest.fixture(scope="module")
def pdb(engine) -> PdbResponder:
    return pdb_of(engine)


@pytest.fixture(scope="module")
def enum(engine) -> EnumResponder:
    return EnumResponder(engine.generation, EnumTables.of(engine.generation, Enum(), None))


@pytest.fixture(params=[True, False], ids=["batched", "one by one"])
def batched(request) -> bool:
    return request.param


def enum_query(number: int = PORTED) -> bytes:
    name = ".".join(reversed(str(number))) + ".e164.arpa."
    return dns.message.make_query(name, "NAPTR").to_wire()


def heard_nothing(asking: socket.socket) -> bool:
    asking.setblocking(False)
    try:
        asking.recv(512)
    except BlockingIOError:
        return True
    return False


def test_every_request_gets_its_reply(pdb, batched):
    with serving(pdb, batched=batched) as served, served.asking() as asking:
        for first in range(0, 1000, 100):
            asked = range(first, first + 100)
            for number in asked:
                asking.send(request_v1(str(PORTED), number) if number % 2 else request_v1(str(UNALLOCATED), number))
            replies = {asking.recv(512) for _ in asked}
            assert replies == {
                found_v1(str(PORTED), CARRIER, number) if number % 2 else bare_v1(NOT_FOUND, number) for number in asked
            }
    counted = served.counters
    assert counted == {
        "received": 1000,
        "replied": 1000,
        "ported": 500,
        "unallocated": 500,
        "bytes_in": 500 * (len(REQUEST) + len(UNKNOWN)),
        "bytes_out": 500 * (len(REPLY) + len(bare_v1(NOT_FOUND))),
    }
    assert sum(served.latency) == 1000


@pytest.mark.parametrize(("address", "source"), [("0.0.0.0:0", "127.0.0.1"), ("[::]:0", "::1"), ("[::1]:0", "::1")])
def test_a_reply_comes_from_the_address_that_was_asked(pdb, batched, address, source):
    with serving(pdb, address=address, batched=batched) as served:
        asked = "127.7.7.7" if source == "127.0.0.1" else source
        served.address = (asked, served.address[1])
        assert served.ask(REQUEST, source) == REPLY  # a connected socket takes it from nobody else


def test_who_is_no_client_hears_nothing(pdb, batched):
    with serving(pdb, [client("127.0.0.2/32")], batched=batched) as served, served.asking("127.0.0.1") as stranger:
        stranger.send(REQUEST)
        assert served.ask(REQUEST, "127.0.0.2") == REPLY
        assert heard_nothing(stranger)
    assert (served.counters["dropped_source"], served.counters["replied"]) == (1, 1)


def test_a_source_that_asks_too_often_is_cut_off(pdb):
    with serving(pdb, [client("127.0.0.0/8", queries_per_second=5)]) as served, served.asking() as asking:
        for _ in range(100):
            asking.send(REQUEST)
        assert served.ask(REQUEST, "127.0.9.1") == REPLY
    assert 5 <= served.counters["replied"] - 1 < 50
    assert served.counters["dropped_rate"] == 101 - served.counters["replied"]


def test_equal_replies_over_the_limit_are_dropped_or_truncated(enum):
    query = enum_query()
    with serving(enum, [client("127.0.0.0/8", replies_per_second=5)]) as served, served.asking() as asking:
        asking.send(query)
        whole = asking.recv(2000)
        for _ in range(200):
            asking.send(query)
        served.ask(enum_query(PORTED + 1))  # another name is not limited with it
        replies = []
        while not replies or replies[-1] == whole or len(replies) < 50:
            replies.append(asking.recv(2000))
    short = next(reply for reply in replies if reply != whole)
    truncated = dns.message.from_wire(short)
    assert truncated.flags & dns.flags.TC
    assert truncated.question == dns.message.from_wire(query).question
    assert len(short) == len(query)
    assert not truncated.answer
    counted = served.counters
    assert abs(counted["slipped"] - counted["limited"]) <= 1
    assert counted["replied"] == 202 - counted["limited"]


def test_pdb_replies_have_no_limit_of_that_kind(pdb):
    with serving(pdb, [client("127.0.0.0/8", replies_per_second=1)]) as served:
        for _ in range(50):
            assert served.ask(REQUEST) == REPLY


def test_a_node_that_is_down_is_silent_or_says_so(pdb, enum):
    with serving(pdb) as served, served.asking() as asking:
        served.listener.is_down = True
        asking.send(REQUEST)
        while "received" not in served.counters:
            time.sleep(0.001)
        assert served.listener.is_down
        served.listener.is_down = False
        assert served.ask(REQUEST) == REPLY
        assert heard_nothing(asking)
    with serving(enum) as served:
        served.listener.is_down = True
        assert dns.message.from_wire(served.ask(enum_query())).rcode() == dns.rcode.SERVFAIL


@pytest.mark.parametrize("shed_code", [0, 2, 5])
def test_what_waited_too_long_is_shed(enum, batched, shed_code):
    served = Served(enum, wait_limit_ms=1000 * LATE / 2, shed_code=shed_code, batched=batched)
    with served.asking() as asking:
        for number in (PORTED, UNALLOCATED) * 10:
            asking.send(enum_query(number))
        time.sleep(LATE)
        served.start()
        if shed_code:
            codes = {dns.message.from_wire(asking.recv(2000)).rcode() for _ in range(20)}
            assert codes == {shed_code}
        assert dns.message.from_wire(served.ask(enum_query())).answer
        served.stop()
    assert served.counters["shed"] == 20
    assert served.counters["replied"] == (21 if shed_code else 1)


def test_late_and_timely_requests_of_one_batch_get_what_is_theirs(enum):
    served = Served(enum, wait_limit_ms=1000 * LATE / 2, shed_code=5)
    with served.asking() as asking:
        for _ in range(10):
            asking.send(enum_query())
        time.sleep(LATE)
        for _ in range(10):
            asking.send(enum_query())
        served.start()
        replies = [dns.message.from_wire(asking.recv(2000)) for _ in range(20)]
        served.stop()
    assert sorted((reply.rcode(), len(reply.answer)) for reply in replies) == [(0, 1)] * 10 + [(5, 0)] * 10


def test_a_request_that_is_too_long_gets_nothing(pdb, batched):
    with serving(pdb, batched=batched) as served, served.asking() as asking:
        asking.send(b"8" * 1233)
        asking.send(b"8" * 9000)
        asking.send(b"")
        asking.send(REQUEST)
        assert asking.recv(512) == REPLY
    assert served.counters["silent"] == 3
    assert served.counters["replied"] == 1


def test_what_the_kernel_dropped_is_counted(pdb):
    served = Served(pdb, receive_buffer=4096, wait_limit_ms=60_000)
    with served.asking() as asking:
        for _ in range(500):
            asking.send(REQUEST)
        served.start()
        asking.recv(512)
        served.stop()
    counted = served.counters
    assert counted["received"] + counted["overflowed"] == 500
    assert counted["overflowed"] > 400


def test_a_swap_is_invisible_and_lets_go_of_the_old_responder(engine, batched):
    """While a client asks without pause: every request is answered, by the old or the new, and in order."""
    with serving(pdb_of(engine, 1), batched=batched) as served, served.asking() as asking:
        swapping = threading.Event()
        seen = []

        def ask() -> None:
            while not swapping.is_set():
                asking.send(REQUEST)
                seen.append(int.from_bytes(asking.recv(512)[-2:]))

        thread = threading.Thread(target=ask)
        thread.start()
        for carrier in range(2, 202):
            responder = pdb_of(engine, carrier)
            served.listener.swap(responder)
            held = sys.getrefcount(responder)
            next_one = pdb_of(engine, carrier)
            served.listener.swap(next_one)
            assert sys.getrefcount(responder) == held - 1
        swapping.set()
        thread.join()
        assert served.ask(REQUEST) == found_v1(str(PORTED), 201)
    assert seen == sorted(seen)
    assert served.counters["replied"] == len(seen) + 1


def test_many_threads_may_swap_at_once(engine):
    responders = [pdb_of(engine, carrier) for carrier in range(1, 5)]
    held = [sys.getrefcount(responder) for responder in responders]
    with serving(pdb_of(engine, 9)) as served, served.asking() as asking:

        def swap(responder: PdbResponder) -> None:
            for _ in range(100):
                served.listener.swap(responder)

        threads = [threading.Thread(target=swap, args=(responder,)) for responder in responders]
        for thread in threads:
            thread.start()
        for _ in range(200):
            asking.send(REQUEST)
            asking.recv(512)
        for thread in threads:
            thread.join()
        served.listener.swap(pdb_of(engine, 9))
    del threads, thread
    assert [sys.getrefcount(responder) for responder in responders] == held


def test_what_has_come_in_before_the_stop_is_still_answered(pdb, batched):
    served = Served(pdb, wait_limit_ms=60_000, batched=batched)
    with served.asking() as asking:
        for number in range(150):
            asking.send(request_v1(str(PORTED), number))
        served.listener.stop()
        served.start()
        served.stop()
        assert {asking.recv(512) for _ in range(150)} == {
            found_v1(str(PORTED), CARRIER, number) for number in range(150)
        }


@pytest.mark.parametrize("address", [":0", "0.0.0.0:0", "[::1]:0"])
def test_no_request_is_lost_while_one_of_two_listeners_of_an_address_stops(engine, address):
    one = Served(pdb_of(engine, 1), address=address)
    port = one.address[1]
    other = Served(pdb_of(engine, 2), address=f"{address.rpartition(':')[0]}:{port}")
    source = "::1" if ":" in one.address[0] else "127.0.0.1"
    one.address = (source, port)
    one.start()
    other.start()
    answered = []
    for turn in range(300):
        if turn == 100:
            one.listener.stop()
        answered.append(int.from_bytes(one.ask(REQUEST, source)[-2:]))
    one.stop()
    other.stop()
    assert {1, 2} == set(answered[:100])
    assert one.counters["replied"] == answered.count(1)
    assert other.counters["replied"] == answered.count(2)


def test_a_socket_that_fails_ends_the_run_with_its_error(pdb):
    served = Served(pdb)
    os.close(served.socket.detach())
    with pytest.raises(OSError, match="Bad file descriptor"):
        served.listener.run()


def test_what_is_no_socket_is_refused(pdb):
    table = Clients([], ["default"])
    with open(os.devnull) as file, pytest.raises(OSError, match="Socket operation on non-socket"):
        Listener(file, pdb, table, Limits(table), Counters(1).row(0, "pdb"))


def test_a_signal_handler_runs_and_may_end_the_run(pdb):
    """In the main thread; the handler is called between two batches."""
    served = Served(pdb)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    def run() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        served.listener.run()

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            run()
    finally:
        signal.signal(signal.SIGALRM, before)
        served.socket.close()
