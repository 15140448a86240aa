"""Packets to begin from when ENUM is to be confused: each kind of query and of malformation once."""

from __future__ import annotations

import random
import struct

import dns.edns
import dns.message
import dns.tsig
import dns.tsigkeyring

from tests.access.enum_zones import name, query
from tests.lookup.stores import KINDS, PORTED

_KEY = dns.tsig.Key("key.", b"0" * 32)


def corpus() -> list[bytes]:
    """Well-formed and nearly well-formed queries."""
    packets = [query(name(number), edns=edns) for number in KINDS for edns in (False, 0)]
    packets += [query(owner, kind) for owner in ("e164.arpa", "8.e164.arpa", ".") for kind in ("SOA", "NS", "ANY", "A")]
    packets += [query(name(PORTED), "IXFR"), query("x.E164.arpa", edns=1), query("version.bind", "TXT", group="CH")]
    packets.append(query(name("1" * 15), edns=0, payload=65535))
    packets += [_with_options(dns.edns.GenericOption(code, b"x" * 10)) for code in (3, 10, 65001)]
    packets.append(_with_options(dns.edns.ECSOption("192.0.2.0", 24), dns.edns.CookieOption(b"12345678", b"")))
    signed = dns.message.make_query(name(PORTED), "NAPTR", id=4711)
    signed.use_tsig(_KEY)
    packets.append(signed.to_wire())
    answer = dns.message.make_response(dns.message.make_query("e164.arpa", "SOA", id=4711))
    packets.append(answer.to_wire())
    update = bytearray(query("e164.arpa", "SOA"))
    update[2] = 0x28
    packets.append(bytes(update))
    question = query(name(PORTED))[12:]
    packets.append(struct.pack(">6H", 1, 0, 2, 0, 0, 0) + question * 2)
    packets.append(struct.pack(">6H", 1, 0, 1, 0, 0, 0) + b"\x01\x38\xc0\x0c\0\x23\0\1")
    packets.append(struct.pack(">6H", 1, 0, 1, 0, 0, 0) + b"\x3f" * 254 + b"\0\0\x23\0\1")
    return packets


def mutated(packets: list[bytes], chosen: random.Random) -> bytes:
    """One of the packets with one to six things wrong with it."""
    packet = bytearray(chosen.choice(packets))
    for _ in range(chosen.randint(1, 6)):
        at = chosen.randrange(len(packet) + 1)
        match chosen.randrange(7):
            case 0 if packet:
                packet[at % len(packet)] = chosen.choice([0, 1, 0x0C, 0x29, 0x3F, 0x40, 0x80, 0xC0, 0xFF])
            case 1 if packet:
                packet[at % len(packet)] ^= 1 << chosen.randrange(8)
            case 2:
                del packet[at:]
            case 3:
                packet[at:at] = chosen.randbytes(chosen.randint(1, 12))
            case 4:
                del packet[at : at + chosen.randint(1, 12)]
            case 5:
                other = chosen.choice(packets)
                packet[at:] = other[chosen.randrange(len(other)) :]
            case 6 if len(packet) >= 12:
                # Counts, which a random byte seldom makes plausible.
                packet[chosen.choice([5, 7, 9, 11])] = chosen.randrange(3)
    return bytes(packet[:1232])


def _with_options(*options: dns.edns.Option) -> bytes:
    return dns.message.make_query(name(PORTED), "NAPTR", options=options, id=4711).to_wire()
