"""What `portdip serve` answers, and when it refuses to begin."""

import json
import os
import signal
import socket
import time
from pathlib import Path

import pytest

from portdip.table.store import Store
from tests.service.nodes import (
    CODES,
    NATIVE,
    PATIENCE_S,
    PORTED,
    UNALLOCATED,
    Node,
    PdbClient,
    enum_query,
    free_port,
)


def test_one_answer_in_every_protocol(store):
    with Node(store) as node, PdbClient(node, timeout_s=PATIENCE_S) as client:
        assert [client.ask(number) for number in (PORTED, NATIVE, UNALLOCATED)] == [CODES["CU"], CODES["CM"], 0]
        status, body = node.get(f"/v1/dips/{PORTED}")
        assert (status, json.loads(body)["carrier"]["id"]) == (200, "CU")
        query = enum_query(PORTED)
        with socket.socket(type=socket.SOCK_DGRAM) as datagram:
            datagram.settimeout(PATIENCE_S)
            datagram.sendto(query, ("127.0.0.1", node.enum))
            over_udp = datagram.recv(512)
        with socket.create_connection(("127.0.0.1", node.enum), PATIENCE_S) as stream:
            stream.sendall(len(query).to_bytes(2, "big") + query)
            over_tcp = stream.recv(512)[2:]
        assert b"rn=D002" in over_udp
        assert over_tcp == over_udp
        assert node.stop() == 0


def test_the_service_manager_hears_how_it_goes(store):
    with Node(store, 2, WATCHDOG_USEC="200000") as node:
        node.manager.wait("STATUS=2 of 2 workers answer at sequence 1")
        node.manager.wait("WATCHDOG=1")
        node.manager.heard.clear()
        node.signal(signal.SIGHUP)
        node.manager.wait("RELOADING=1\nMONOTONIC_USEC=")
        node.manager.wait("READY=1")
        node.stop()
        node.manager.wait("STOPPING=1")


def test_it_does_not_begin_where_another_one_answers(store, portdip):
    with Node(store) as node, PdbClient(node, timeout_s=PATIENCE_S) as client:
        finished = portdip("serve", store, "--pdb", f":{node.pdb}")
        assert (finished.code, "cannot listen for pdb" in finished.err) == (2, True)
        assert client.ask(PORTED) == CODES["CU"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("{store}",), "no address to answer at"),
        (("{store}", "--http", "nowhere"), "not an address"),
        (("{store}", "--http", "192.0.2.1:8080"), "cannot listen for http"),
        (("{store}/none", "--http", ":{port}"), "not a store"),
    ],
)
def test_it_does_not_begin_without_a_store_and_an_address(store, portdip, arguments, reason):
    finished = portdip("serve", *(argument.format(store=store, port=free_port()) for argument in arguments))
    assert (finished.code, finished.err.count(reason)) == (2, 1)


def test_it_does_not_begin_with_settings_that_a_worker_cannot_use(store):
    node = Node(store, PORTDIP_ACCESS__ENUM_ZONE__CONTACT="a..b").begin()
    with node.ending():
        assert node.process.wait(PATIENCE_S) == 2
        assert "not a domain name" in node.said()


def test_it_founds_the_store_it_is_to_follow_and_keeps_it_current(own, tmp_path):
    with Node(tmp_path / "node", arguments=("--follow", str(own))) as node, PdbClient(node) as client:
        assert client.ask(NATIVE) == CODES["CM"]
        for carrier in ("CT", "CU"):
            with Store.open(own).writer() as writer:
                writer.port(NATIVE, carrier, "D100")
            until = time.monotonic() + PATIENCE_S
            while client.ask(NATIVE) != CODES[carrier]:
                assert time.monotonic() < until
            os.kill(follower(node), signal.SIGKILL)
        assert node.stop() == 0


def follower(node: Node) -> int:
    """The process of `portdip follow`, once it is there."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        for pid in node.workers():
            if b"\0serve\0" not in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
    raise AssertionError("nobody follows")
