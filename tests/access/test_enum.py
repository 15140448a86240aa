"""ENUM: what is answered, as the plain twin and dnspython see it."""

from __future__ import annotations

import random
import struct
from dataclasses import replace

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip.access import EnumResponder
from portdip.index import Index, LiveIndex, Overlay, build
from portdip.index.image import HEADER_BYTES
from portdip.lookup.engine import Engine, open_engine
from portdip.lookup.load import init_store
from portdip.route import Status
from portdip.settings.access import Enum
from tests.access.enum_zones import PROFILE, PROFILES, SETTINGS, longer, name, query, responder, twin
from tests.access.plain_enum import PlainEnum
from tests.lookup.stores import (
    KINDS,
    NATIVE,
    PORTED,
    PORTED_WITHOUT_ROUTING_NUMBER,
    UNALLOCATED,
    WITHDRAWN,
    make_store,
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory) -> Engine:
    return open_engine(make_store(tmp_path_factory.mktemp("enum") / "store"))


@pytest.fixture(scope="module")
def enum(engine) -> EnumResponder:
    return responder(engine.generation)


@pytest.fixture(scope="module")
def plain(engine) -> PlainEnum:
    return twin(engine)


def ask(enum: EnumResponder, message: bytes, **how) -> dns.message.Message:
    """The reply as dnspython reads it, which is strict about names, counts and lengths."""
    reply, _ = enum.respond(message, **how)
    read = dns.message.from_wire(reply)
    assert dns.message.from_wire(message).is_response(read) or read.rcode() in (dns.rcode.NOTIMP, dns.rcode.FORMERR)
    return read


def said(reply: dns.message.Message) -> list[str]:
    return [text for answer in reply.answer for text in str(answer).splitlines()]


@pytest.mark.parametrize("number", KINDS)
@pytest.mark.parametrize("profile", PROFILE)
@pytest.mark.parametrize("edns", [0, False])
@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("kind", ["NAPTR", "A", "SOA", "NS", "TXT", "CNAME"])
def test_it_answers_as_its_plain_twin(enum, plain, number, profile, edns, is_stream, kind):
    message = query(name(number), kind, edns=edns)
    expected = plain.respond(message, PROFILE[profile], is_stream=is_stream)
    assert enum.respond(message, PROFILE[profile], is_stream=is_stream) == expected


def test_a_ported_number_in_the_words_of_its_profile(enum):
    reply = ask(enum, query(name(PORTED)), profile=PROFILE["both"], is_stream=True)
    owner = name(PORTED) + "."
    assert sorted(said(reply)) == [
        rf'{owner} 60 IN NAPTR 10 100 "u" "E2U+pstn:tel" "!^.*$!tel:+{PORTED};npdi;rn=D002;rn-context=+86;spn=7!" .',
        rf'{owner} 60 IN NAPTR 20 7 "u" "E2U+pstn:sip" "!^.*$!sip:+{PORTED};npdi;rn=D002@gw.example;user=phone!" .',
    ]
    assert reply.rcode() == dns.rcode.NOERROR
    assert reply.flags == dns.flags.QR | dns.flags.AA | dns.flags.RD


def test_without_a_routing_number_its_parameter_and_context_are_left_out(enum):
    reply = ask(enum, query(name(PORTED_WITHOUT_ROUTING_NUMBER)), profile=PROFILE["both"], is_stream=True)
    assert f'"!^.*$!tel:+{PORTED_WITHOUT_ROUTING_NUMBER};npdi;spn=51589!"' in "".join(said(reply))
    assert f'"!^.*$!sip:+{PORTED_WITHOUT_ROUTING_NUMBER};npdi@gw.example;user=phone!"' in "".join(said(reply))


def test_a_record_whose_address_would_be_half_is_left_out(enum):
    of_ported = ask(enum, query(name(PORTED)), profile=PROFILE["routing numbers only"])
    assert "!sip:D002@gw.example!" in said(of_ported)[0]
    of_native = ask(enum, query(name(NATIVE)), profile=PROFILE["routing numbers only"])
    assert of_native.rcode() == dns.rcode.NXDOMAIN
    assert not of_native.answer


def test_delimiter_and_backslash_are_escaped_in_a_substitution(enum):
    reply = ask(enum, query(name(NATIVE)), profile=PROFILE["both"])
    assert reply.answer[0][0].regexp == rb"!^.*$!tel:+8613800000002;npdi;mcc=460;mnc=00;q=CM\!\\!"


@pytest.mark.parametrize("number", [UNALLOCATED, WITHDRAWN])
def test_an_unknown_number_is_absent_or_has_the_default_of_its_profile(enum, number):
    absent = ask(enum, query(name(number)))
    assert absent.rcode() == dns.rcode.NXDOMAIN
    assert str(absent.authority[0]) == "e164.arpa. 5 IN SOA ns.example.net. noc.example.net. 1 3600 600 86400 5"
    default = ask(enum, query(name(number)), profile=PROFILE["both"], is_stream=True)
    assert default.rcode() == dns.rcode.NOERROR
    assert f"!sip:{number}@default;{number}!" in "".join(said(default))
    assert enum.respond(query(name(number)), PROFILE["both"])[1] == "unallocated"


def test_the_zone_itself(enum):
    assert said(ask(enum, query("e164.arpa", "SOA", edns=0))) == [
        "e164.arpa. 60 IN SOA ns.example.net. noc.example.net. 1 3600 600 86400 5"
    ]
    assert said(ask(enum, query("E164.ARPA", "NS", edns=0))) == ["E164.ARPA. 60 IN NS ns.example.net."]
    none = ask(enum, query("e164.arpa", "A", edns=0))
    assert none.rcode() == dns.rcode.NOERROR
    assert none.authority[0].rdtype == dns.rdatatype.SOA


def test_other_types_at_a_number_have_no_data(enum):
    reply = ask(enum, query(name(PORTED), "AAAA"))
    assert (reply.rcode(), reply.answer) == (dns.rcode.NOERROR, [])
    assert reply.authority[0].rdtype == dns.rdatatype.SOA


@pytest.mark.parametrize("digits", ["8", "86", "861", "8613", "861380000000", "1", "120255512", "33"])
def test_names_on_the_way_to_numbers_exist(enum, digits):
    for kind in ("A", "NS", "NAPTR"):
        reply = ask(enum, query(name(digits), kind, edns=0))
        assert (reply.rcode(), reply.answer) == (dns.rcode.NOERROR, [])


@pytest.mark.parametrize("digits", ["2", "852", "87", "337", "44", "86138000000000", "0", "0861", "1234567890123456"])
def test_names_on_the_way_to_nothing_do_not(enum, digits):
    assert ask(enum, query(name(digits), "A", edns=0)).rcode() == dns.rcode.NXDOMAIN


@pytest.mark.parametrize("owner", ["x", "x.1", "_sip._udp." + name(PORTED), "12", "6.8.e164", "0.1.x"])
def test_names_of_the_zone_that_are_no_number_do_not_exist(enum, owner):
    owner = owner if owner.endswith("e164.arpa") else owner + ".e164.arpa"
    reply, outcome = enum.respond(query(owner, edns=0))
    assert (dns.message.from_wire(reply).rcode(), outcome) == (dns.rcode.NXDOMAIN, "invalid")


def test_characters_of_a_label_are_never_taken_for_labels(enum, plain):
    """The backward reader once saw 3361234567 in a label of four characters and nine of one."""
    digits = b"".join(b"\1%c" % digit for digit in b"7654321633")
    for length in range(2, 8):
        inside = b"\x017\x016\x015\x014"[:length]
        message = header() + bytes([length]) + inside + digits + QUESTION[-15:]
        assert enum.respond(message)[1] == "invalid"
        assert enum.respond(message) == plain.respond(message)


@pytest.mark.parametrize("owner", [".", "arpa", "e164.com", "1.e165.arpa", "xe164.arpa", "e164.arpa.com"])
def test_other_zones_are_none_of_ours(enum, owner):
    reply = ask(enum, query(owner))
    assert reply.rcode() == dns.rcode.NXDOMAIN
    assert not reply.flags & dns.flags.AA
    assert not reply.authority


def test_letters_match_in_either_case_and_come_back_as_they_came(enum):
    message = query(name(PORTED, "E164.aRPa"))
    reply, outcome = enum.respond(message)
    assert outcome == "ported"
    assert reply[12 : len(message)] == message[12:]


@pytest.mark.parametrize("kind", ["ANY", "AXFR", "IXFR", "MAILA", "MAILB"])
@pytest.mark.parametrize("owner", ["e164.arpa", name(PORTED), "com"])
def test_no_transfers_and_not_everything_at_once(enum, kind, owner):
    reply, outcome = enum.respond(query(owner, kind), is_stream=True)
    assert (dns.message.from_wire(reply).rcode(), outcome) == (dns.rcode.NOTIMP, "refused")


def header(flags: int = 0x0100, questions: int = 1, answers: int = 0, authority: int = 0, additional: int = 0) -> bytes:
    return struct.pack(">6H", 4711, flags, questions, answers, authority, additional)


QUESTION = query(name(PORTED))[12:]
OPT = bytes.fromhex("00 0029 04d0 00 00 0000 0000")


@pytest.mark.parametrize(
    ("message", "rcode"),
    [
        (header(0x0100 | 1 << 11) + QUESTION, 4),  # inverse query
        (header(0x0100 | 5 << 11) + QUESTION, 4),  # update
        (header(0x0300) + QUESTION, 4),  # truncated
        (header(0x0140) + QUESTION, 4),  # Z
        (header(questions=2) + QUESTION * 2, 4),
        (header(questions=0), 1),
        (header(), 1),
        (header() + QUESTION[:-1], 1),
        (header() + QUESTION + b"\0", 1),
        (header(answers=1) + QUESTION, 1),
        (header(authority=1) + QUESTION, 1),
        (header(additional=1) + QUESTION, 1),
        (header(additional=1) + QUESTION + OPT[:-1], 1),
        (header(additional=1) + QUESTION + OPT + b"\0", 1),
        (header(additional=2) + QUESTION + OPT + OPT, 1),
        (header(additional=1) + QUESTION + b"\1x" + OPT, 1),
        (header(additional=1) + QUESTION + OPT[:2] + b"\x2a" + OPT[3:], 1),
        (header(additional=1) + QUESTION + OPT[:-1] + b"\3" + b"\0\3\0", 1),  # half an option
        (header(additional=1) + QUESTION + OPT[:-1] + b"\5" + b"\0\3\0\2x", 1),  # an option longer than the record
        (header() + b"\x40" + b"x" * 64 + b"\0" + QUESTION[-4:], 1),  # a label of 64 characters
        (header() + (b"\x3f" + b"x" * 63) * 4 + b"\0" + QUESTION[-4:], 1),  # a name of 257 bytes
        (header() + b"\xc0\x0c" + QUESTION[-4:], 1),  # a name that points to itself
        (header() + b"\1\x38\xc0\x04" + QUESTION[-4:], 1),
        (header(additional=1) + QUESTION + OPT[:6] + b"\1" + OPT[7:], 16),
        (query(name(PORTED), group="CH"), 5),
        (query(name(PORTED), group="ANY"), 5),
        (query("version.bind", "TXT", group="CH"), 5),
    ],
)
def test_what_is_malformed_or_not_for_us_is_refused_by_code(enum, plain, message, rcode):
    reply, outcome = enum.respond(message)
    read = dns.message.from_wire(reply)
    assert (read.id, read.rcode(), outcome) == (int.from_bytes(message[:2]), rcode, "refused")
    assert read.flags & dns.flags.QR
    assert len(reply) <= len(message)
    assert plain.respond(message) == (reply, outcome)


@pytest.mark.parametrize("length", range(12))
def test_less_than_a_header_gets_no_reply(enum, length):
    assert enum.respond(header()[:length]) == (b"", "silent")


def test_replies_get_no_reply_so_that_two_servers_never_talk_to_each_other(enum):
    reply, _ = enum.respond(query(name(PORTED)))
    assert enum.respond(reply) == (b"", "silent")
    assert enum.respond(header(0x8000) + b"\xff") == (b"", "silent")


def test_a_node_that_is_down_says_so_and_nothing_else(enum, plain):
    for owner in (name(PORTED), name(UNALLOCATED), "e164.arpa", "x.e164.arpa"):
        message = query(owner, edns=0)
        reply, outcome = enum.respond(message, is_down=True)
        read = dns.message.from_wire(reply)
        assert (read.rcode(), outcome, read.answer, read.authority) == (dns.rcode.SERVFAIL, "failed", [], [])
        assert not read.flags & dns.flags.AA
        assert plain.respond(message, is_down=True) == (reply, outcome)


def test_damaged_data_is_never_an_answer(engine, tmp_path):
    numbers = np.arange(8613800000000, 8613802000000, 2, dtype=np.uint64)
    build(numbers, np.full(len(numbers), engine.index[PORTED], dtype=np.uint16), [], tmp_path / "image")
    with (tmp_path / "image").open("r+b") as file:
        file.seek(HEADER_BYTES + 100)
        file.write(b"\xff")
    enum = responder(replace(engine.generation, index=LiveIndex(Index.open(tmp_path / "image"), Overlay())))
    damaged = ask(enum, query(name(8613800000000)))
    assert (damaged.rcode(), damaged.answer, damaged.authority) == (dns.rcode.SERVFAIL, [], [])
    assert not damaged.flags & dns.flags.AA
    assert enum.respond(query(name(8613800000000)))[1] == "failed"
    assert enum.respond(query(name(8613801999998)))[1] == "ported"


def test_a_code_without_a_route_is_never_an_answer(engine):
    routes = {code: route for code, route in engine.routes.items() if route.carrier.id != "CU"}
    enum = responder(replace(engine.generation, routes=routes))
    assert ask(enum, query(name(PORTED))).rcode() == dns.rcode.SERVFAIL
    assert enum.respond(query(name(NATIVE)))[1] == "native"


def test_edns_is_answered_with_edns(enum):
    reply = ask(enum, query(name(PORTED), edns=0))
    assert (reply.edns, reply.payload, reply.ednsflags) == (0, 1232, 0)
    assert ask(enum, query(name(PORTED))).edns == -1
    wanted = dns.message.make_query(name(PORTED), "NAPTR", want_dnssec=True, options=[dns.edns.GenericOption(3, b"")])
    assert ask(enum, wanted.to_wire()).ednsflags == dns.flags.DO


def test_what_is_too_large_brings_the_client_to_tcp(enum):
    message = query(name(PORTED))
    assert enum.respond(message, PROFILE["both"])[1] == "ported"
    short = ask(enum, message, profile=PROFILE["both"])
    assert short.flags & dns.flags.TC
    assert not short.answer
    whole = ask(enum, message, profile=PROFILE["both"], is_stream=True)
    assert not whole.flags & dns.flags.TC
    assert len(whole.answer[0]) == 2


#: Names of queries, of every kind there is.
owners = st.one_of(
    st.sampled_from(KINDS).map(name),
    st.integers(1, 10**15).map(name),
    st.text("0123456789", max_size=17).map(name),
    st.lists(st.sampled_from([*"0123456789abE", "e164", "arpa", "com", "x" * 63]), max_size=40).map(".".join),
)


@given(
    owner=owners,
    kind=st.sampled_from(["NAPTR", "A", "SOA", "NS", "ANY", "TYPE65280", "CNAME", "OPT", "DNAME"]),
    edns=st.sampled_from([False, 0, 1]),
    payload=st.integers(0, 65535),
    flags=st.integers(0, 0xFFFF),
    profile=st.sampled_from(sorted(PROFILE.values())),
    is_down=st.booleans(),
    is_stream=st.booleans(),
)
def test_whatever_is_asked_it_answers_as_its_plain_twin(
    enum, plain, owner, kind, edns, payload, flags, profile, is_down, is_stream
):
    try:
        message = bytearray(query(owner, kind, edns=edns, payload=payload))
    except dns.exception.DNSException:
        return
    message[2:4] = flags.to_bytes(2)
    reply, outcome = enum.respond(bytes(message), profile, is_down, is_stream)
    assert (reply, outcome) == plain.respond(bytes(message), profile, is_down, is_stream)
    if reply:
        dns.message.from_wire(reply)
        assert is_stream or len(reply) <= 3 * len(message)


@given(st.binary(max_size=80), st.integers(0, 4))
def test_bytes_of_no_meaning_get_the_reply_of_the_twin(enum, plain, message, profile):
    assert enum.respond(message, profile) == plain.respond(message, profile)


@pytest.mark.parametrize("apex", ["6.8.e164.arpa", "i.e164.arpa", "8", "2.5.8.i.example", "a-b.c_d", "Enum.Example"])
def test_any_zone_will_do_and_digits_of_its_name_belong_to_the_number(engine, apex):
    settings = SETTINGS.model_copy(update={"apex": apex})
    enum, plain = responder(engine.generation, settings), twin(engine, settings)
    digits = "".join(reversed([label for label in apex.split(".") if label.isdigit()]))
    for number in KINDS:
        if not str(number).startswith(digits):
            continue
        owner = name(str(number)[len(digits) :], apex)
        assert enum.respond(query(owner))[1] == str(engine.dip(number).status)
        for kind in ("NAPTR", "A"):
            assert enum.respond(query(owner, kind)) == plain.respond(query(owner, kind))
    for owner in (apex, "1." + apex, "x." + apex, "1.e164.arpa", "e164.arpa", apex + ".1"):
        assert enum.respond(query(owner)) == plain.respond(query(owner))


def test_a_generation_answers_with_its_own_sequence_and_numbers(tmp_path):
    store = init_store(tmp_path / "store", "test")
    with store.writer() as writer:
        writer.port(PORTED, carrier="A", routing_number="11")
    enum = responder(open_engine(store.path).generation, Enum())
    assert "rn=11" in said(ask(enum, query(name(PORTED))))[0]
    assert ask(enum, query("e164.arpa", "SOA", edns=0)).answer[0][0].serial == 1
    assert ask(enum, query(name(str(PORTED)[:5]), "A", edns=0)).rcode() == dns.rcode.NOERROR


def test_the_outcome_of_a_number_is_the_status_of_its_dip(enum, engine):
    for number in KINDS:
        assert enum.respond(query(name(number)))[1] == str(engine.dip(number).status)
    assert {str(engine.dip(number).status) for number in KINDS} == {*map(str, Status)} - {"invalid"}


def test_the_tests_know_what_names_lead_somewhere():
    assert longer("8")
    assert longer("86138000000")
    assert not longer("852")
    assert set(PROFILES) == set(PROFILE)


def test_random_numbers(enum, plain, seed):
    chosen = random.Random(seed)
    for _ in range(300):
        near = chosen.choice(KINDS) + chosen.randrange(-20, 20)
        message = query(name(near), edns=chosen.choice([0, False]))
        assert enum.respond(message) == plain.respond(message)
