"""The plain twin of the ENUM responder: the same rules in the same order, nothing prepared and nothing compiled."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from itertools import dropwhile
from urllib.parse import quote

from portdip.route import Dip, Status
from portdip.settings.access import CarrierCodes, Enum, Profile, Record

NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, BADVERS = 0, 1, 2, 3, 4, 5, 16
NS, SOA, NAPTR, OPT, ANY = 2, 6, 35, 41, 255


@dataclass(frozen=True)
class Question:
    """What could be read of a message. `has_edns` is None where what is behind the question is not sound."""

    echo: bytes
    labels: list[bytes]
    kind: int
    group: int
    has_edns: bool | None
    version: int
    wants_dnssec: bool
    room: int


class PlainEnum:
    """Answers messages by the `dip` of an engine. `longer(digits)`: may longer numbers begin with them?"""

    def __init__(
        self, settings: Enum, dip: Callable[[int], Dip], longer: Callable[[str], bool], sequence: int = 0
    ) -> None:
        self.settings = settings
        self.dip = dip
        self.longer = longer
        self.sequence = sequence
        self.apex = [label.encode() for label in settings.apex.lower().split(".")]
        self.profiles = list(settings.profiles.values())

    def respond(
        self, message: bytes, profile: int = 0, is_down: bool = False, is_stream: bool = False
    ) -> tuple[bytes, str]:
        if len(message) < 12 or message[2] & 0x80:
            return b"", "silent"
        (questions,) = struct.unpack_from(">H", message, 4)
        if message[2] & 0x7A or message[3] & 0x40 or questions > 1:
            return self._reply(message, None, NOTIMP), "refused"
        question = _question(message) if questions else None
        if question is None:
            return self._reply(message, None, FORMERR), "refused"
        rcode = self._refusal(question)
        if rcode != NOERROR:
            return self._reply(message, question, rcode), "refused"
        if is_down:
            return self._reply(message, question, SERVFAIL), "failed"
        rcode, answers, authority, outcome = self._content(question, self.profiles[profile])
        most = 65535 if is_stream else min(max(512, min(question.room, 1232)), 3 * len(message))
        whole = self._reply(message, question, rcode, answers, authority, flags=0x0400)
        if len(whole) > most:
            return self._reply(message, question, rcode, flags=0x0600), outcome
        return whole, outcome

    def _refusal(self, question: Question) -> int:
        if 251 <= question.kind <= ANY:
            return NOTIMP
        if question.has_edns is None:
            return FORMERR
        if question.version:
            return BADVERS
        if question.group != 1:
            return REFUSED
        return NOERROR if _lower(question.labels)[-len(self.apex) :] == self.apex else NXDOMAIN

    def _content(self, question: Question, profile: Profile) -> tuple[int, list[bytes], list[bytes], str]:
        """Response code, answers, authority, outcome."""
        at = 12 + sum(1 + len(label) for label in question.labels[: -len(self.apex)])
        owner = struct.pack(">H", 0xC000 | at)
        absent = [owner + self._soa(self.settings.negative_ttl)]
        below = question.labels[: -len(self.apex)]
        if not below:
            if question.kind == SOA:
                return NOERROR, [owner + self._soa(self.settings.ttl)], [], "other"
            if question.kind == NS:
                return NOERROR, [owner + _rr(NS, self.settings.ttl, _name(self.settings.name_server))], [], "other"
            return NOERROR, [], absent, "other"
        tail = list(dropwhile(lambda label: re.fullmatch(b"[0-9]", label), self.apex))
        mine = question.labels[: len(question.labels) - len(tail)]
        text = b"".join(reversed(mine)).decode("latin-1") if all(len(label) == 1 for label in mine) else ""
        if not re.fullmatch("[1-9][0-9]{0,14}", text):
            return NXDOMAIN, [], absent, "invalid"
        dip = self.dip(int(text))
        records = self._records(dip, profile)
        if question.kind == NAPTR and records:
            return NOERROR, records, [], str(dip.status)
        exists = bool(records) or self.longer(text)
        outcome = str(dip.status) if question.kind == NAPTR or not exists else "other"
        return NOERROR if exists else NXDOMAIN, [], absent, outcome

    def _records(self, dip: Dip, profile: Profile) -> list[bytes]:
        records = {Status.PORTED: profile.ported, Status.NATIVE: profile.native}.get(dip.status, profile.unknown)
        carrier = dip.carrier.id if dip.carrier else ""
        codes = self.settings.carriers.get(carrier, CarrierCodes())
        values = {"rn": dip.routing_number, "carrier": carrier, "spn": codes.spn, "mcc": codes.mcc, "mnc": codes.mnc}
        values = {name: quote(value, safe="+") for name, value in values.items()} | {"number": str(dip.number)}
        return [
            b"\xc0\x0c" + _rr(NAPTR, self.settings.ttl, data)
            for data in (_naptr(record, values) for record in records)
            if data
        ]

    def _soa(self, ttl: int) -> bytes:
        names = _name(self.settings.name_server) + _name(self.settings.contact)
        return _rr(SOA, ttl, names + struct.pack(">5I", self.sequence, 3600, 600, 86400, self.settings.negative_ttl))

    def _reply(
        self,
        message: bytes,
        question: Question | None,
        rcode: int,
        answers: list[bytes] | None = None,
        authority: list[bytes] | None = None,
        flags: int = 0,
    ) -> bytes:
        answers, authority = answers or [], authority or []
        identity, asked = struct.unpack_from(">HH", message)
        edns = b""
        if question and question.has_edns:
            edns = struct.pack(">BHHBBHH", 0, OPT, 1232, rcode >> 4, 0, question.wants_dnssec << 15, 0)
        bits = 0x8000 | asked & 0x7900 | flags | rcode & 15
        counts = bool(question), len(answers), len(authority), bool(edns)
        header = struct.pack(">6H", identity, bits, *counts)
        return header + (question.echo if question else b"") + b"".join(answers + authority) + edns


def _question(message: bytes) -> Question | None:
    at, labels = 12, []
    while True:
        if at >= len(message) or message[at] > 63:
            return None
        length = message[at]
        labels.append(message[at + 1 : at + 1 + length])
        at += 1 + length
        if length == 0:
            break
    if at - 12 > 255 or at + 4 > len(message):
        return None
    kind, group = struct.unpack_from(">HH", message, at)
    labels.pop()
    echo, rest = message[12 : at + 4], message[at + 4 :]
    counts = struct.unpack_from(">HHH", message, 6)
    if counts == (0, 0, 0) and not rest:
        return Question(echo, labels, kind, group, False, 0, False, 0)
    if counts == (0, 0, 1) and len(rest) >= 11 and rest[:3] == b"\0\0\x29":
        size, _, version, flags, length = struct.unpack_from(">HBBHH", rest, 3)
        if length == len(rest) - 11 and _are_options(rest[11:]):
            return Question(echo, labels, kind, group, True, version, bool(flags & 0x8000), size)
    return Question(echo, labels, kind, group, None, 0, False, 0)


def _are_options(data: bytes) -> bool:
    while data:
        if len(data) < 4 or len(data) < 4 + int.from_bytes(data[2:4], "big"):
            return False
        data = data[4 + int.from_bytes(data[2:4], "big") :]
    return True


def _naptr(record: Record, values: dict[str, str]) -> bytes | None:
    uri = ""
    pieces = re.split("(;[^;@?]*)", record.uri)
    for piece in pieces:
        empty = [name for name, value in values.items() if "{" + name + "}" in piece and not value]
        if empty and not piece.startswith(";"):
            return None
        without_rn = piece.lower().startswith(";rn-context=") and any(
            other.lower().startswith(";rn=") and "{rn}" in other and not values["rn"] for other in pieces
        )
        uri += "" if empty or without_rn else piece
    for name, value in values.items():
        uri = uri.replace("{" + name + "}", value)
    regexp = "!^.*$!" + uri.replace("\\", "\\\\").replace("!", "\\!") + "!"
    texts = b"".join(bytes([len(text)]) + text.encode() for text in ("u", record.service, regexp))
    return struct.pack(">HH", record.order, record.preference) + texts + b"\0"


def _rr(kind: int, ttl: int, data: bytes) -> bytes:
    return struct.pack(">HHIH", kind, 1, ttl, len(data)) + data


def _name(text: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + b"\0"


def _lower(labels: list[bytes]) -> list[bytes]:
    return [label.lower() for label in labels]
