"""The load generator, against servers that do on purpose what real ones do by accident."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from portdip.capacity._load import ask
from portdip.capacity.asking import PATIENCE_NS, Questions, enum_query, http_request, pdb_query
from portdip.capacity.suite.serving import free_port

NUMBERS = range(8613800000000, 8613800000100)
#: What a server does with the question of this turn: the reply, None for none.
Answer = Callable[[int, bytes], bytes | None]


@contextmanager
def datagrams(answer: Answer) -> Iterator[int]:
    """A server of datagrams for the block; its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as served:
        served.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        served.bind(("127.0.0.1", 0))
        served.settimeout(0.05)
        stopping = threading.Event()

        def serve() -> None:
            turn = 0
            while not stopping.is_set():
                try:
                    request, client = served.recvfrom(2000)
                except TimeoutError:
                    continue
                reply = answer(turn, request)
                turn += 1
                if reply is not None:
                    served.sendto(reply, client)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield int(served.getsockname()[1])
        finally:
            stopping.set()
            thread.join()


@contextmanager
def connections(reply: bytes, delay: float = 0.0) -> Iterator[int]:
    """A server that gives every request over a connection the same reply, in two parts; its port."""
    with socket.create_server(("127.0.0.1", 0)) as served:
        served.settimeout(0.05)
        stopping = threading.Event()

        def answer(connection: socket.socket) -> None:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection, contextlib.suppress(OSError):  # who asks hangs up when it has seen enough
                while request := connection.recv(4096):
                    for _ in range(request.count(b"\r\n\r\n")):
                        time.sleep(delay)
                        connection.sendall(reply[:20])
                        connection.sendall(reply[20:])

        def serve() -> None:
            while not stopping.is_set():
                try:
                    connection, _ = served.accept()
                except TimeoutError:
                    continue
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield int(served.getsockname()[1])
        finally:
            stopping.set()
            thread.join()


def echo(turn: int, request: bytes) -> bytes:
    return request


OK = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nContent-Length: 11\r\n\r\n{"a": true}'


@pytest.mark.parametrize("protocol", ["enum", "pdb"])
def test_a_closed_loop_asks_as_fast_as_it_is_answered(protocol):
    with datagrams(echo) as port:
        asked = Questions(protocol, NUMBERS).closed(port, 0.2, sockets=3, window=4)
    assert asked.answered == len(asked.nanoseconds) > 100
    assert (asked.nanoseconds > 0).all()
    assert asked.lost == 0
    assert asked.rate == pytest.approx(asked.answered / asked.seconds)


def test_a_schedule_is_kept_whether_or_not_there_are_answers():
    with datagrams(lambda turn, request: request if turn % 2 else None) as port:
        asked = Questions("enum", NUMBERS).scheduled(port, 0.3, sockets=2, rate=1000)
    assert len(asked.nanoseconds) == 300
    assert asked.answered == 150
    assert asked.lost == pytest.approx(0.5)
    assert np.count_nonzero(asked.nanoseconds >= PATIENCE_NS) == 150
    assert asked.microseconds(25) < 500_000


def test_questions_without_an_answer_count_as_long_as_they_were_waited_for():
    """So that a round which loses one in fifty has no p99 better than that of a round which loses none."""
    with datagrams(lambda turn, request: request if turn % 50 else None) as port:
        asked = Questions("pdb", NUMBERS).scheduled(port, 0.3, sockets=2, rate=1000)
    times = [asked.microseconds(percent) for percent in (50, 90, 99, 99.9)]
    assert times == sorted(times)
    assert times[1] < 500_000
    assert times[2] >= PATIENCE_NS / 1e3
    with datagrams(lambda turn, request: request if turn % 50 else None) as port:
        closed = Questions("pdb", NUMBERS).closed(port, 0.3, sockets=1, window=1)
    assert closed.lost > 0
    assert closed.microseconds(99.9) >= 100_000  # a closed loop gives up sooner, and asks on


def test_a_stall_is_charged_to_everybody_who_waited_not_to_one():
    """A server that stops for a fifth of the time: about a fifth of the questions on schedule wait for it."""

    def stalls(turn: int, request: bytes) -> bytes:
        if turn == 200:
            time.sleep(0.2)
        return request

    with datagrams(stalls) as port:
        scheduled = Questions("pdb", NUMBERS).scheduled(port, 1.0, sockets=1, rate=1000)
    with datagrams(stalls) as port:
        closed = Questions("pdb", NUMBERS).closed(port, 1.0, sockets=1, window=1)
    slow = 20_000_000
    assert np.count_nonzero(scheduled.nanoseconds > slow) >= 150
    assert scheduled.microseconds(90) > 50_000
    assert np.count_nonzero(closed.nanoseconds > slow) < 20  # those who would have come meanwhile never asked


def test_every_question_is_asked_in_turn_with_an_id_of_its_own():
    seen: list[bytes] = []

    def note(turn: int, request: bytes) -> bytes:
        seen.append(request)
        return request

    with datagrams(note) as port:
        Questions("enum", NUMBERS).scheduled(port, 0.25, sockets=1, rate=1000)
    assert [request[2:] for request in seen] == [enum_query(NUMBERS[i % 100])[2:] for i in range(250)]
    assert [int.from_bytes(request[:2]) for request in seen] == list(range(250))


def test_what_could_not_even_be_sent_in_time_is_asked_late_or_lost():
    """One connection that takes 40 ms for an answer, asked 500 a second: hardly any of the 150 get one in time."""
    with connections(OK, delay=0.04) as port:
        asked = Questions("http", NUMBERS).scheduled(port, 0.3, sockets=1, rate=500)
    assert len(asked.nanoseconds) == 150
    assert 10 < asked.answered < 50
    # From its time on the schedule, not from when it was sent.
    assert np.count_nonzero(asked.nanoseconds > 500_000_000) >= 100
    assert (asked.nanoseconds[-100:] > PATIENCE_NS).all()  # never sent


def test_waiting_for_a_slow_server_is_no_lateness_of_who_asks():
    """Connections that are all busy are the server's time: what asks is late only when it does not use a free one."""
    with connections(OK, delay=0.02) as port:
        asked = Questions("http", NUMBERS).scheduled(port, 0.3, sockets=2, rate=500)
    assert asked.microseconds(50) > 200_000
    assert asked.microseconds_late(50) < 5_000
    assert asked.microseconds_late(90) < asked.microseconds(90) / 10


def test_a_server_that_stops_reading_is_an_error_and_no_wait_without_end():
    question = np.frombuffer(http_request(8613) + b"x" * (64 << 20), dtype=np.uint8)
    with socket.create_server(("127.0.0.1", 0)) as served, pytest.raises(OSError, match="No buffer space"):
        ask(question, np.array([0, len(question)]), served.getsockname()[1], 0.2, 0.0, 1, 1, 10, None)


def test_a_server_that_never_answers_over_a_connection_is_waited_for_with_patience():
    with socket.create_server(("127.0.0.1", 0)) as served:
        asked = Questions("http", NUMBERS).scheduled(served.getsockname()[1], 0.2, sockets=2, rate=100)
    assert asked.answered == 0
    assert len(asked.nanoseconds) == 20
    assert (asked.nanoseconds >= PATIENCE_NS).all()


@pytest.mark.parametrize("id_at", [-1, -2, -(1 << 31), 9, 1 << 40])
def test_an_id_that_is_not_within_every_question_is_refused(id_at):
    question = np.zeros(10, dtype=np.uint8)
    with pytest.raises(ValueError, match="too short"):
        ask(question, np.array([0, 10]), 9, 0.1, 0.0, 1, 1, 1, id_at)


def test_replies_that_were_not_asked_for_are_no_answers():
    def strange(turn: int, request: bytes) -> bytes:
        return (b"", b"\x01", b"\xff\xff" + request[2:])[turn % 3]

    with datagrams(strange) as port:
        asked = Questions("enum", NUMBERS).scheduled(port, 0.05, sockets=1, rate=500)
    assert asked.answered == 0


def test_http_answers_are_read_whole_over_connections_that_are_kept():
    with connections(OK) as port:
        closed = Questions("http", NUMBERS).closed(port, 0.3, sockets=4, window=1)
        scheduled = Questions("http", NUMBERS).scheduled(port, 0.3, sockets=4, rate=200)
    assert closed.answered == len(closed.nanoseconds) > 20
    assert scheduled.answered == len(scheduled.nanoseconds) == 60


@pytest.mark.parametrize(
    "reply",
    [
        OK.replace(b"200 OK", b"503 No"),
        OK.replace(b"Content-Length", b"X-Other-Length"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
        b"\x00" * 20_000,
    ],
)
def test_what_is_no_good_answer_over_http_is_an_error(reply):
    with connections(reply) as port, pytest.raises(OSError, match="Bad message"):
        Questions("http", NUMBERS).closed(port, 0.5, sockets=2, window=1)


def test_a_port_that_nobody_listens_on_is_an_error_over_http_and_silence_over_datagrams():
    port = free_port()
    with pytest.raises(ConnectionRefusedError):
        Questions("http", NUMBERS).closed(port, 0.1, sockets=1, window=1)
    assert Questions("pdb", NUMBERS).scheduled(port, 0.05, sockets=1, rate=100).answered == 0


def test_loads_that_make_no_sense_are_refused():
    questions = Questions("enum", NUMBERS)
    for port, seconds, sockets, window in ((0, 1, 1, 1), (5, 0, 1, 1), (5, 1, 0, 1), (5, 1, 1000, 1), (5, 1, 1, 0)):
        with pytest.raises(ValueError, match="no such load"):
            questions.closed(port, seconds, sockets, window)
    with pytest.raises(ValueError, match="no such load"):
        questions.scheduled(5, 1, 1, 0.0)


def test_the_questions_are_those_of_the_protocols():
    assert pdb_query(85297293860).hex() == "010000120000" + b"85297293860\0".hex()
    assert enum_query(8613)[-4:] == b"\0\x23\0\x01"
    assert http_request(8613).startswith(b"GET /v1/dips/8613 HTTP/1.1\r\n")
