"""A fuzzer of the ENUM responder: `python -m tests.access.enum_fuzzing STORE CORPUS [libFuzzer options]`.

Coverage is that of the plain twin, which has a branch for every rule; the compiled responder must agree with it. Any
reply must be one that dnspython reads.
"""

from __future__ import annotations

import sys
from pathlib import Path

import dns.exception
import dns.message


def is_sound(packet: bytes) -> bool | None:
    """Whether dnspython reads a query of one question in it, with nothing behind but EDNS.

    None where it looks at more than we do, which is into EDNS options, or at less: it lets the name of a question point
    into the header.
    """
    if _name_points(packet):
        return None
    try:
        read = dns.message.from_wire(packet)
    except (dns.exception.DNSException, ValueError):
        return None if _is_sound_without_options(packet) else False
    return len(read.question) == 1 and not (read.answer or read.authority or read.additional or read.had_tsig)


def _name_points(packet: bytes) -> bool:
    at = 12
    while at < len(packet) and 0 < packet[at] < 0x40:
        at += 1 + packet[at]
    return at < len(packet) and packet[at] >= 0xC0


def _is_sound_without_options(packet: bytes) -> bool:
    at = packet.rfind(b"\0\0\x29", 12)
    if at < 0 or len(packet) <= at + 11:
        return False
    try:
        dns.message.from_wire(packet[: at + 9] + b"\0\0")
    except (dns.exception.DNSException, ValueError):
        return False
    return True


def main() -> None:
    """Run the fuzzer until its options say that it is enough."""
    import atheris

    with atheris.instrument_imports(include=["tests.access.plain_enum"]):
        from tests.access import plain_enum  # noqa: F401

    from portdip.lookup.engine import open_engine
    from tests.access.enum_zones import PROFILES, responder, twin

    store, *options = sys.argv[1:]
    engine = open_engine(Path(store))
    enum, plain = responder(engine.generation), twin(engine)

    def one(data: bytes) -> None:
        how = data[0] if data else 0
        packet, profile, is_stream, is_down = data[1:], how % len(PROFILES), bool(how & 0x80), how & 0x70 == 0x70
        reply, outcome = enum.respond(packet, profile, is_down, is_stream)
        expected = plain.respond(packet, profile, is_down, is_stream)
        if (reply, outcome) != expected:
            raise AssertionError(f"{packet.hex()}: {reply.hex()} {outcome}, expected {expected[0].hex()} {expected[1]}")
        if reply:
            dns.message.from_wire(reply)

    atheris.Setup([sys.argv[0], *options], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
