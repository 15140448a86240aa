import random
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip.access import PdbResponder
from portdip.access.pdb_carriers import PdbTables
from portdip.index import Index, LiveIndex, Overlay, build
from portdip.index.image import HEADER_BYTES
from portdip.lookup.engine import Engine, open_engine
from portdip.route import Status
from portdip.settings.access import Pdb
from tests.access.listening import Served
from tests.access.plain_pdb import FOUND, NOT_FOUND, NOT_NUMBER, REPLY, bare_v1, found_v1, reply, request_v1
from tests.lookup.stores import (
    KINDS,
    NATIVE,
    NATIVE_OF_NANP,
    PORTED,
    UNALLOCATED,
    make_store,
)

SETTINGS = Pdb(carriers={"CM": 11, "CT": 12, "CU": 32_767})
INTEGERS = {**SETTINGS.carriers, "ILEC": SETTINGS.other}


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    return make_store(tmp_path_factory.mktemp("pdb") / "store")


@pytest.fixture(scope="module")
def engine(store) -> Engine:
    return open_engine(store)


def responder(engine: Engine, settings: Pdb = SETTINGS) -> PdbResponder:
    return PdbResponder(engine.generation, PdbTables.of(engine.generation, settings, None))


@pytest.fixture(scope="module")
def pdb(engine) -> PdbResponder:
    return responder(engine)


@pytest.fixture(scope="module")
def carrier_of(engine):
    """The engine's own answer, which the responder must give in its way."""

    def carrier_of(number: int) -> int:
        carrier = engine.dip(number).carrier
        return INTEGERS[carrier.id] if carrier else 0

    return carrier_of


def test_the_layout_is_that_of_kamailio_byte_by_byte(pdb):
    request = bytes.fromhex("0100 0014 0007 38363133383030303030303031 00")
    assert pdb.respond(request) == (bytes.fromhex("0101 0116 0007 38363133383030303030303031 00 7fff"), "ported")


@pytest.mark.parametrize("number", KINDS)
def test_every_kind_of_number_gets_the_carrier_that_serves_it(pdb, engine, carrier_of, number):
    carrier, status = carrier_of(number), engine.dip(number).status
    expected = found_v1(str(number), carrier) if carrier else bare_v1(NOT_FOUND)
    assert pdb.respond(request_v1(str(number))) == (expected, status)


def test_a_native_number_is_served_by_its_range_holder(pdb):
    assert pdb.respond(request_v1(str(NATIVE))) == (found_v1(str(NATIVE), 11), Status.NATIVE)


def test_letters_are_not_a_number(pdb):
    for text in ("abc", "86138x", "+8613800000001", "8613800000001 ", "86,1", "８６"):
        assert pdb.respond(request_v1(text)) == (bare_v1(NOT_NUMBER), "invalid")


def test_digits_that_are_no_number_are_not_found(pdb):
    for digits in ("", "0", "08613800000001", "1" * 16, "9" * 248):
        assert pdb.respond(request_v1(digits)) == (bare_v1(NOT_FOUND), "invalid")


def test_the_id_comes_back(pdb):
    for asked in (0, 1, 255, 256, 65_535):
        assert pdb.respond(request_v1(str(PORTED), asked))[0] == found_v1(str(PORTED), 32_767, asked)
        assert pdb.respond(request_v1(str(UNALLOCATED), asked))[0] == bare_v1(NOT_FOUND, asked)


def test_a_header_without_payload_asks_for_nothing(pdb):
    assert pdb.respond(bytes.fromhex("0100 0006 0007")) == (bare_v1(NOT_FOUND), "invalid")


def test_a_reply_is_never_answered(pdb):
    """Two servers would answer each other for ever."""
    for answered in (found_v1(str(PORTED), 11), bare_v1(NOT_FOUND), bare_v1(NOT_NUMBER)):
        assert answered[1] == REPLY
        assert pdb.respond(answered) == (b"", "silent")


@pytest.mark.parametrize(
    "request_",
    [
        b"",
        b"\1",
        request_v1("86138")[:5],
        request_v1("86138")[:-1],
        request_v1("86138") + b"\0",
        b"\1\0\0\xff\0\7" + b"86138\0",
        b"\1\0\0\x0b\0\7" + b"86138",  # not closed
        request_v1(b"861\00038"),
        request_v1(b"\0"),
        b"\2\0\0\x06\0\7",
        b"86x\0",
        b"\0\0",
        b"8" * 257,
        b"\xff" * 300,
    ],
    ids=lambda request: request[:20].hex(),
)
def test_what_is_malformed_gets_no_reply(pdb, request_):
    assert pdb.respond(request_) == (b"", "silent")


def test_version_0_is_digits_and_a_carrier(pdb):
    digits = str(PORTED).encode()
    for request in (digits + b"\0", digits):
        assert pdb.respond(request) == (digits + b"\0\x7f\xff", "ported")


@pytest.mark.parametrize(("settings", "nothing"), [(0, b"\0\0"), (-1, b"\xff\xff")])
def test_version_0_says_0_or_minus_1_for_no_carrier(engine, settings, nothing):
    pdb = responder(engine, Pdb(v0_not_found=settings))
    digits = str(UNALLOCATED).encode()
    assert pdb.respond(digits + b"\0") == (digits + b"\0" + nothing, "unallocated")
    assert pdb.respond(b"\0") == (b"\0" + nothing, "invalid")


def test_version_0_never_sends_more_than_three_times_what_came(pdb):
    assert pdb.respond(b"8") == (b"", "silent")
    assert len(pdb.respond(b"86")[0]) == 5


def test_a_node_that_is_down_is_silent(pdb):
    for request in (request_v1(str(PORTED)), request_v1(str(UNALLOCATED)), request_v1("abc"), b"86138\0"):
        assert pdb.respond(request, is_down=True) == (b"", "failed")
    assert pdb.respond(b"\2", is_down=True) == (b"", "silent")


@pytest.fixture(scope="module")
def damaged(engine, tmp_path_factory) -> PdbResponder:
    """Even numbers from 8613800000000 on; the first page of their index is damaged."""
    image = tmp_path_factory.mktemp("damaged") / "image"
    numbers = np.arange(8613800000000, 8613802000000, 2, dtype=np.uint64)
    build(numbers, np.full(len(numbers), engine.index[PORTED], dtype=np.uint16), [], image)
    with image.open("r+b") as file:
        file.seek(HEADER_BYTES + 100)
        file.write(b"\xff")
    generation = replace(engine.generation, index=LiveIndex(Index.open(image), Overlay()))
    return PdbResponder(generation, PdbTables.of(generation, SETTINGS, None))


def test_damage_is_silence_for_its_own_numbers_only(damaged):
    """A negative answer would win over the right one of another node."""
    assert damaged.respond(request_v1("8613800000000")) == (b"", "failed")
    assert damaged.respond(request_v1("8613801999998")) == (found_v1("8613801999998", 32_767), "ported")


def answered_together(pdb: PdbResponder, requests: list[bytes]) -> tuple[list[bytes], dict[str, int]]:
    """The replies to requests that all wait when the listener begins, in order, and what was counted."""
    served = Served(pdb, wait_limit_ms=60_000)
    with served.asking() as asking:
        for request in requests:
            asking.send(request)
        served.start()
        served.stop()
        counted = served.counters
        return [asking.recv(512) for _ in range(counted.get("replied", 0))], counted


def test_a_batch_is_answered_as_each_of_it_by_itself(pdb):
    requests = [request_v1(str(number), asked) for asked, number in enumerate(KINDS * 20)] + corpus()
    replies, counted = answered_together(pdb, requests)
    assert replies == [reply for reply, _ in map(pdb.respond, requests) if reply]
    assert counted["received"] == len(requests)
    outcomes = Counter(outcome for _, outcome in map(pdb.respond, requests))
    assert {outcome: counted.get(outcome, 0) for outcome in outcomes} == outcomes


def test_damage_in_a_batch_is_silence_for_its_own_numbers_only(damaged):
    numbers = ["8613801999998", "8613800000000", "8613801999996", "8613800000002", "8613801999990"]
    replies, counted = answered_together(damaged, [request_v1(number) for number in numbers])
    assert replies == [found_v1(number, 32_767) for number in numbers[::2]]
    assert (counted["failed"], counted["ported"]) == (2, 3)


def test_a_code_without_a_route_is_silence(engine):
    routes = {code: route for code, route in engine.routes.items() if route.carrier.id != "CU"}
    generation = replace(engine.generation, routes=routes)
    pdb = PdbResponder(generation, PdbTables.of(generation, SETTINGS, None))
    assert pdb.respond(request_v1(str(PORTED))) == (b"", "failed")
    assert pdb.respond(request_v1(str(NATIVE)))[1] == "native"


def test_carrier_0_is_never_sent(pdb, engine):
    assert pdb.respond(request_v1(str(NATIVE_OF_NANP)))[0] == found_v1(str(NATIVE_OF_NANP), SETTINGS.other)


def assert_answered_alike(pdb, carrier_of, request: bytes) -> None:
    answered, outcome = pdb.respond(request)
    assert answered == reply(request, carrier_of)
    assert len(answered) <= 3 * len(request)
    assert len(answered) <= len(request) + (2 if request[-1:] == b"\0" else 3)
    assert answered or outcome == "silent"
    if answered[:1] == b"\1" and answered[2] == FOUND:
        assert answered[-2:] != b"\0\0"


@given(st.binary(max_size=300))
def test_any_datagram_is_answered_as_its_plain_twin_does(pdb, carrier_of, request):
    assert_answered_alike(pdb, carrier_of, request)


@given(st.text("0123456789+a\0", max_size=260), st.integers(0, 65_535))
def test_any_well_formed_request_is_answered_as_its_plain_twin_does(pdb, carrier_of, digits, asked):
    for request in (request_v1(digits, asked) if len(digits) < 249 else b"", digits.encode(), digits.encode() + b"\0"):
        assert_answered_alike(pdb, carrier_of, request)


def mutated(request: bytes, randomness: random.Random) -> bytes:
    """The request with some bytes changed, cut off or added."""
    data = bytearray(request)
    for _ in range(randomness.randint(1, 3)):
        at = randomness.randrange(len(data) + 1)
        match randomness.randrange(4):
            case 0 if at < len(data):
                data[at] = randomness.choice((0, 1, 2, 6, 0x30, 0x39, 0xFF, randomness.randrange(256)))
            case 1:
                del data[at:]
            case 2:
                data.insert(at, randomness.randrange(256))
            case _:
                if len(data) > 3:
                    data[3] = len(data) & 0xFF
    return bytes(data)


def corpus() -> list[bytes]:
    texts = [*map(str, KINDS), "", "0", "861", "1" * 15, "1" * 16, "abc", "+861"]
    return [form for text in texts for form in (request_v1(text), text.encode(), text.encode() + b"\0")]


@pytest.mark.parametrize("rounds", [25_000, pytest.param(1_000_000, marks=pytest.mark.full)])
def test_mutated_requests_are_answered_as_their_plain_twin_does(pdb, carrier_of, seed, rounds):
    randomness = random.Random(seed)
    for request in corpus() * rounds:
        assert_answered_alike(pdb, carrier_of, mutated(request, randomness))


@pytest.mark.parametrize("seconds", [2, pytest.param(300, marks=pytest.mark.full)])
def test_coverage_guided_requests_find_no_difference(store, tmp_path, seconds):
    (tmp_path / "corpus").mkdir()
    for row, request in enumerate(corpus()):
        (tmp_path / "corpus" / str(row)).write_bytes(request)
    limits = [
        f"-max_total_time={seconds}",
        "-max_len=300",
        "-timeout=10",
        "-rss_limit_mb=4096",
        f"-artifact_prefix={tmp_path}/",
    ]
    command = [sys.executable, "-m", "tests.access.pdb_fuzzing", str(store), str(tmp_path / "corpus"), *limits]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=seconds + 60, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "Done" in done.stderr
