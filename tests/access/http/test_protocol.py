"""Whoever is slow, or sends too much of what is no request, is cut off, and others do not notice."""

import statistics
import threading
import time

import pytest

from portdip.access.http.protocol import HEAD_BYTES_MAX, PIPELINED_MAX
from tests.access.http.test_lists import send_for_ever, until
from tests.lookup import stores

DIP = f"GET /v1/dips/{stores.PORTED} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def received(connection) -> bytes:
    """All bytes until the node closes the connection."""
    found = b""
    try:
        while piece := connection.recv(65536):
            found += piece
    except ConnectionResetError:
        pass
    return found


@pytest.mark.parametrize("begin", [b"", b"GET", b"GET /v1/dips/1 HTTP/1.1\r\nHost: loc", DIP + b"GET /v1/"])
def test_a_head_that_does_not_come_is_cut_off(start, begin):
    node = start(header_seconds=0.5)
    with node.connect() as connection:
        connection.sendall(begin)
        assert b"HTTP/1.1 408 " in received(connection)


def test_a_head_that_trickles_is_cut_off(start):
    node = start(header_seconds=0.5)
    with node.connect() as connection, pytest.raises(OSError, match=r"reset|Broken pipe"):
        send_for_ever(connection, b"G", 0.05)


def test_many_slow_clients_do_not_disturb_others(start):
    """Slow loris: 300 connections that send a head byte by byte."""
    node = start(header_seconds=1.0)

    def seconds(count: int) -> float:
        with node.client() as client:
            client.get("/healthz")
            taken = []
            for _ in range(count):
                began = time.perf_counter()
                assert client.get(f"/v1/dips/{stores.PORTED}").status_code == 200
                taken.append(time.perf_counter() - began)
            return statistics.median(taken)

    seconds(50)
    slow = [node.connect() for _ in range(300)]
    for connection in slow:
        connection.sendall(b"GET /v1/dips/1 HTTP/1.1\r\nHost: lo")
    assert seconds(200) < 0.1
    assert all(b"HTTP/1.1 408 " in received(connection) for connection in slow)


def test_a_head_without_end_is_refused(start):
    node = start()
    with node.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        line = b"x-more: " + b"x" * 1000 + b"\r\n"

        def send() -> None:
            try:
                for _ in range(100 * HEAD_BYTES_MAX // len(line)):
                    connection.sendall(line)
            except OSError:
                pass

        thread = threading.Thread(target=send)
        thread.start()
        answered = received(connection)
        thread.join()
    assert not answered or answered.startswith(b"HTTP/1.1 431 ")


def test_pipelined_requests_are_answered_in_order(node):
    numbers = [stores.KINDS[place % len(stores.KINDS)] for place in range(PIPELINED_MAX)]
    requests = b"".join(b"GET /v1/dips/%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % number for number in numbers)
    with node.connect() as connection:
        connection.sendall(requests)
        answered = b""
        while answered.count(b'"number":') < len(numbers):
            answered += connection.recv(65536)
    told = [int(piece.split(b'"')[0]) for piece in answered.split(b'"number":"+')[1:]]
    assert told == numbers


def test_more_pipelined_requests_than_that_end_the_connection(node):
    with node.connect() as connection:
        connection.sendall(DIP * 4 * PIPELINED_MAX)
        received(connection)
    with node.client() as client:
        assert client.get("/healthz").status_code == 200


def test_a_client_who_does_not_read_is_cut_off(start):
    node = start(stall_seconds=1.0)
    with node.connect() as connection, pytest.raises(OSError, match=r"reset|Broken pipe|timed out"):
        send_for_ever(connection, DIP * 100)


def test_more_connections_than_that_are_refused(start):
    node = start(connections=3)
    first = [node.connect() for _ in range(3)]
    for connection in first:
        connection.sendall(DIP)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert received(node.connect()).startswith(b"HTTP/1.1 503 ")
    first[0].close()

    def is_let_in() -> bool:
        with node.connect() as connection:
            connection.sendall(DIP)
            return connection.recv(65536).startswith(b"HTTP/1.1 200 ")

    until(is_let_in)


@pytest.mark.parametrize(
    "request_",
    [b"\0\0\0\0\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
)
def test_what_is_no_http_ends_the_connection(start, request_):
    node = start(header_seconds=0.5)
    with node.connect() as connection:
        connection.sendall(request_)
        assert received(connection).startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 408 ", b"HTTP/1.0 400 "))


def test_an_upgrade_to_another_protocol_is_not_taken(node):
    with node.connect() as connection:
        connection.sendall(
            b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        assert not connection.recv(65536).startswith(b"HTTP/1.1 101 ")


def test_the_rest_of_a_refused_body_is_read_but_not_for_ever(start):
    node = start(is_local=False, header_seconds=0.5)
    with node.connect() as connection:
        connection.sendall(b"POST /v1/dips HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 401 ")
        with pytest.raises(OSError, match=r"reset|Broken pipe"):
            send_for_ever(connection, b"x", 0.02)


@pytest.mark.parametrize(
    "head", ["HTTP/1.0\r\nHost: localhost\r\n", "HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"]
)
def test_a_client_that_wants_one_answer_gets_it_and_the_end(node, head):
    with node.connect() as connection:
        connection.sendall(f"GET /v1/dips/{stores.PORTED} {head}\r\n".encode())
        answered = received(connection)
    assert answered.count(b"HTTP/1.1 200 ") == 1
    assert b"connection: close\r\n" in answered
    assert answered.endswith(b"}")


def test_a_mistake_of_ours_ends_no_connection(start, monkeypatch):
    node = start()

    def broken():
        raise RuntimeError

    with node.client() as client:
        with monkeypatch.context() as patched:
            patched.setattr(node.service, "texts", broken)
            answered = client.get(f"/v1/dips/{stores.PORTED}")
        assert (answered.status_code, answered.json()["type"]) == (500, "urn:portdip:problem:internal")
        assert client.get(f"/v1/dips/{stores.PORTED}").status_code == 200


def test_a_dip_with_a_body_is_answered_and_the_body_left_alone(node):
    with node.client() as client:
        answered = client.request("GET", f"/v1/dips/{stores.PORTED}", content=b"x" * 100_000)
        assert answered.json()["status"] == "ported"
        assert client.get(f"/v1/dips/{stores.PORTED}").status_code == 200
