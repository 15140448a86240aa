"""Zones for the tests of ENUM: settings with something of everything, a responder for them and its plain twin."""

from __future__ import annotations

import dns.message

from portdip.access import EnumResponder
from portdip.access.enum_tables import EnumTables
from portdip.lookup.engine import Engine
from portdip.lookup.generation import Generation
from portdip.settings.access import CarrierCodes, Enum, Profile, Record
from tests.access.plain_enum import PlainEnum
from tests.lookup.stores import NUMBERS, RANGES

TEL, SIP = "E2U+pstn:tel", "E2U+pstn:sip"

#: Profiles by what they are there for.
PROFILES = {
    "default": Profile(),
    "both": Profile(
        ported=(
            Record(uri="tel:+{number};npdi;rn={rn};rn-context=+86;spn={spn}"),
            Record(service=SIP, uri="sip:+{number};npdi;rn={rn}@gw.example;user=phone", order=20, preference=7),
        ),
        native=(Record(uri="tel:+{number};npdi;mcc={mcc};mnc={mnc};q={carrier}!\\"),),
        unknown=(Record(uri="tel:+{number}"), Record(uri="sip:{number}@default;{number}", order=65535)),
    ),
    "ported only": Profile(native=()),
    "routing numbers only": Profile(ported=(Record(uri="sip:{rn}@gw.example"),), native=(Record(uri="sip:{rn}"),)),
    "nothing": Profile(ported=(), native=()),
}
SETTINGS = Enum(
    ttl=60,
    negative_ttl=5,
    name_server="ns.example.net",
    contact="noc.example.net",
    profiles=PROFILES,
    carriers={"CM": CarrierCodes(spn="51589", mcc="460", mnc="00"), "CU": CarrierCodes(spn="7")},
)
PROFILE = {name: row for row, name in enumerate(PROFILES)}


def responder(generation: Generation, settings: Enum = SETTINGS) -> EnumResponder:
    return EnumResponder(generation, EnumTables.of(generation, settings))


def twin(engine: Engine, settings: Enum = SETTINGS) -> PlainEnum:
    return PlainEnum(settings, engine.dip, longer, engine.sequence)


def longer(digits: str) -> bool:
    """Whether the test store has a longer number, or a range of such, that begins with the first three digits."""
    prefix = digits[:3]
    intervals = [(first, last) for first, last, _, _ in RANGES] + [(number, number) for number, *_ in NUMBERS]
    for first, last in intervals:
        scale = 10 ** (len(str(first)) - len(prefix))
        if first // scale <= int(prefix) <= last // scale and len(str(first)) > len(digits):
            return True
    return False


def name(number: int | str, apex: str = "e164.arpa") -> str:
    return ".".join([*reversed(str(number)), apex])


def query(
    owner: str, kind: str = "NAPTR", *, edns: int | bool = False, group: str = "IN", payload: int = 1232
) -> bytes:
    """A query as clients send it; `edns` is a version, or False for none."""
    return dns.message.make_query(owner, kind, group, use_edns=edns, payload=payload, id=4711).to_wire()
