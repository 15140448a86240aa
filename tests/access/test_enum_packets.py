"""Malformed packets by the thousand: the compiled responder, its plain twin and dnspython must see the same in them."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import dns.exception
import dns.message
import pytest

from portdip.access import EnumResponder
from portdip.lookup.engine import Engine, open_engine
from tests.access import enum_fuzzing
from tests.access.enum_packets import corpus, mutated
from tests.access.enum_zones import PROFILES, query, responder, twin
from tests.access.plain_enum import FORMERR, PlainEnum
from tests.lookup.stores import make_store

#: What a whole run of the fuzzer says at its end.
DONE = "Done"


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    return make_store(tmp_path_factory.mktemp("enum") / "store")


@pytest.fixture(scope="module")
def engine(store) -> Engine:
    return open_engine(store)


@pytest.fixture(scope="module")
def enum(engine) -> EnumResponder:
    return responder(engine.generation)


@pytest.fixture(scope="module")
def plain(engine) -> PlainEnum:
    return twin(engine)


def packets(seed: int, count: int) -> list[bytes]:
    chosen = random.Random(seed)
    begun = corpus()
    return begun + [mutated(begun, chosen) for _ in range(count)]


@pytest.mark.parametrize("count", [6_000, pytest.param(300_000, marks=pytest.mark.full)])
def test_damaged_packets_get_the_replies_of_the_twin(enum, plain, seed, count):
    for row, packet in enumerate(packets(seed, count)):
        profile, is_stream = row % len(PROFILES), row % 3 == 0
        reply, outcome = enum.respond(packet, profile, is_stream=is_stream)
        assert (reply, outcome) == plain.respond(packet, profile, is_stream=is_stream), packet.hex()
        if reply:
            dns.message.from_wire(reply)
            assert is_stream or len(reply) <= 3 * len(packet)


@pytest.mark.parametrize("count", [6_000, pytest.param(100_000, marks=pytest.mark.full)])
def test_what_dnspython_cannot_read_is_refused_and_nothing_else(enum, seed, count):
    seen = {True: 0, False: 0}
    for packet in packets(seed + 1, count):
        verdict = enum_fuzzing.is_sound(packet)
        reply, _ = enum.respond(packet)
        if verdict is not None and reply and reply[3] & 15 != 4:
            assert (reply[3] & 15 != FORMERR) is verdict, packet.hex()
            seen[verdict] += 1
    assert min(seen.values()) > 100


def test_the_verdict_is_that_of_dnspython():
    assert enum_fuzzing.is_sound(query("1.e164.arpa", edns=0)) is True
    assert enum_fuzzing.is_sound(query("1.e164.arpa") + b"\0") is False
    with pytest.raises(dns.exception.DNSException):
        dns.message.from_wire(query("1.e164.arpa") + b"\0")


@pytest.mark.parametrize("seconds", [3, pytest.param(300, marks=pytest.mark.full)])
def test_coverage_guided_packets_find_no_difference(store, tmp_path, seconds):
    begun = tmp_path / "corpus"
    begun.mkdir()
    for row, packet in enumerate(corpus()):
        (begun / str(row)).write_bytes(packet)
    limits = [
        f"-max_total_time={seconds}",
        "-max_len=600",
        "-timeout=10",
        "-rss_limit_mb=4096",
        f"-artifact_prefix={tmp_path}/",
    ]
    command = [sys.executable, "-m", "tests.access.enum_fuzzing", str(store), str(begun), *limits]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=seconds + 60, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert DONE in done.stderr
