"""What an ENUM responder answers from: the zone's own records, and those of every route by client profile.

Rendered once, in the memory layout of enum.h, and kept for as long as routes and settings stay the same objects.
Immutable and safe to share between threads.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from portdip.access import enum_depths
from portdip.access.enum_depths import Depths
from portdip.access.enum_templates import NAMES, NUMBERS_MAX, Template
from portdip.errors import SettingsError
from portdip.lookup.generation import Generation
from portdip.route import Route
from portdip.settings.access import CarrierCodes, Enum, Profile, Record
from portdip.table.snapshot import Snapshot

#: As the structs of enum.h.
RECORD = np.dtype(
    [
        ("text", np.uint32),
        ("data_length", np.uint16),
        ("regexp_at", np.uint8),
        ("regexp_length", np.uint8),
        ("part_count", np.uint16),
        ("parts", np.uint16, (NUMBERS_MAX + 1,)),
    ]
)
ANSWER = np.dtype(
    [
        ("first", np.uint32),
        ("count", np.uint16),
        ("length", np.uint16),
        ("numbers", np.uint16),
        ("is_known", np.uint16),
    ]
)

#: Records that a profile may have for one kind of number, so that an answer fits a message over TCP.
RECORDS_MAX = 64

_POINTER_TO_QUESTION = b"\xc0\x0c"
_NS, _SOA, _NAPTR, _IN = 2, 6, 35, 1
_NO_CODES = CarrierCodes()
#: Refresh, retry and expiry of the SOA record: for secondaries, which this zone has none of.
_SOA_TIMES = (3600, 600, 86_400)
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


@dataclass(frozen=True, slots=True)
class Zone:
    """The zone's own name and records.

    `apex` is the name as it is sent, in lower case; `tail` the place in it behind the digits that it begins with, which
    belong to its numbers. `soa` holds two records of one length without owner: as an answer, then as authority; in
    both the serial number is at `serial_at`. `ns` is the NS record without owner.
    """

    apex: bytes
    tail: int
    soa: bytes
    serial_at: int
    ns: bytes

    @classmethod
    def of(cls, settings: Enum) -> Self:
        """The zone of some settings. Raises SettingsError for a name that is none."""
        apex = name_bytes(settings.apex.lower(), "access.enum_zone.apex")
        tail = 0
        while apex[tail] == 1 and apex[tail + 1 : tail + 2].isdigit():
            tail += 2
        server = name_bytes(settings.name_server, "access.enum_zone.name_server")
        names = server + name_bytes(settings.contact, "access.enum_zone.contact")
        numbers = struct.pack(">5I", 0, *_SOA_TIMES, settings.negative_ttl)
        answer = _record(_SOA, settings.ttl, names + numbers)
        return cls(
            apex=apex,
            tail=tail,
            soa=answer + _record(_SOA, settings.negative_ttl, names + numbers),
            serial_at=len(answer) - len(numbers),
            ns=_record(_NS, settings.ttl, server),
        )


@dataclass(frozen=True, slots=True)
class Answers:
    """The records of all routes.

    `answers`, ANSWER of shape (profiles, codes, 2), says by profile, route code and whether a number is ported which of
    `records` (RECORD) it has; their bytes are in `text`. Code 0 is that of numbers which nobody serves. `keys` are the
    carrier and routing number by code, all that is rendered of a route.
    """

    text: bytes
    records: npt.NDArray[Any]
    answers: npt.NDArray[Any]
    keys: Mapping[int, tuple[str, str]]

    @classmethod
    def of(cls, routes: Mapping[int, Route], settings: Enum, before: Answers | None = None) -> Self:
        """Rendered from `routes` by code; to those of `before`, of the same settings, only new routes are added.

        Raises SettingsError for a profile that cannot be rendered.
        """
        keys = {code: (route.carrier.id, route.routing_number) for code, route in routes.items()}
        if before is not None and not before.keys.items() <= keys.items():
            before = None
        rendering = _Rendering(settings.ttl, before)
        answers = np.zeros((len(settings.profiles), max(routes, default=0) + 1, 2), ANSWER)
        if before is not None:
            answers[:, : before.answers.shape[1]] = before.answers
        fresh = keys.keys() - before.keys.keys() if before is not None else keys.keys()
        values = {code: _values(*keys[code], settings.carriers) for code in fresh}
        for row, (name, profile) in enumerate(settings.profiles.items()):
            ported, native, unknown = (_templates(name, profile, kind) for kind in ("ported", "native", "unknown"))
            if before is None:
                answers[row, 0] = rendering.add(unknown, dict.fromkeys(NAMES, ""))
            for code, known in values.items():
                answers[row, code, 0] = rendering.add(native, known)
                answers[row, code, 1] = rendering.add(ported, known)
        records = np.array(rendering.records, RECORD)
        if before is not None:
            records = np.concatenate([before.records, records])
        return cls(bytes(rendering.text), records, answers, keys)


@dataclass(frozen=True, slots=True)
class EnumTables:
    """All that an EnumResponder needs besides the index. `profiles` are the names of the profiles, by their index."""

    settings: Enum
    routes: Mapping[int, Route]
    snapshot: Snapshot
    zone: Zone
    answers: Answers
    snapshot_depths: Depths
    depths: Depths

    @property
    def profiles(self) -> tuple[str, ...]:
        """The names of the profiles, in the order of their indices."""
        return tuple(self.settings.profiles)

    @classmethod
    def of(cls, generation: Generation, settings: Enum, before: EnumTables | None = None) -> Self:
        """The tables for `generation`. What of those `before` still holds is taken over, which is nearly all.

        Raises SettingsError for names, records or profiles that cannot be rendered, and as reading a snapshot does.
        """
        kept = before if before is not None and before.settings is settings else None
        snapshot = generation.snapshot
        if before is not None and before.snapshot is snapshot:
            snapshot_depths = before.snapshot_depths
        else:
            snapshot_depths = enum_depths.of_snapshot(snapshot)
        if kept is not None and kept.routes is generation.routes:
            answers = kept.answers
        else:
            answers = Answers.of(generation.routes, settings, kept.answers if kept else None)
        return cls(
            settings=settings,
            routes=generation.routes,
            snapshot=snapshot,
            zone=kept.zone if kept else Zone.of(settings),
            answers=answers,
            snapshot_depths=snapshot_depths,
            depths=enum_depths.with_overlay(snapshot_depths, generation),
        )


class _Rendering:
    """Records as they are collected, behind those of before."""

    def __init__(self, ttl: int, before: Answers | None) -> None:
        self.text = bytearray(before.text) if before is not None else bytearray()
        self.records: list[tuple[int, int, int, int, int, tuple[int, ...]]] = []
        self._first = len(before.records) if before is not None else 0
        self._ttl = ttl

    def add(self, templates: Sequence[Template], values: Mapping[str, str]) -> tuple[int, int, int, int, int]:
        """The ANSWER of the records that some templates give for one route."""
        first, begin, numbers = len(self.records), len(self.text), 0
        for template in templates:
            rendered = template.render(values)
            if rendered is None:
                continue
            length = sum(map(len, rendered.parts))
            # Behind the substitution stands the name that replaces it, which is none: the root's.
            data = rendered.head + bytes([length]) + b"".join(rendered.parts) + b"\0"
            record = _POINTER_TO_QUESTION + _record(_NAPTR, self._ttl, data)
            text_at = len(record) - length - 1
            widths = [*map(len, rendered.parts)]
            widths[0] += text_at
            widths[-1] += 1
            padded = (*widths, *[0] * (NUMBERS_MAX + 1 - len(widths)))
            self.records.append((len(self.text), len(data), text_at - 1, length, len(widths), padded))
            self.text += record
            numbers += len(rendered.parts) - 1
        return self._first + first, len(self.records) - first, len(self.text) - begin, numbers, 1


def name_bytes(name: str, where: str) -> bytes:
    """A domain name as it is sent (RFC 1035, 3.1), with or without its last dot. `where` is its setting.

    Raises SettingsError for what is no name of letters, digits, '-' and '_'.
    """
    labels = name.removesuffix(".").split(".")
    if not all(map(_LABEL.fullmatch, labels)) or len(name) > 253:
        raise SettingsError("not a domain name", where=where, got=name, expected="labels of letters, digits, - and _")
    return b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"


def _record(kind: int, ttl: int, data: bytes) -> bytes:
    """A resource record without its owner's name."""
    return struct.pack(">HHIH", kind, _IN, ttl, len(data)) + data


def _values(carrier: str, routing_number: str, carriers: Mapping[str, CarrierCodes]) -> dict[str, str]:
    codes = carriers.get(carrier, _NO_CODES)
    return {"rn": routing_number, "carrier": carrier, "spn": codes.spn, "mcc": codes.mcc, "mnc": codes.mnc}


def _templates(name: str, profile: Profile, kind: str) -> list[Template]:
    where = f"access.enum_zone.profiles.{name}.{kind}"
    records: tuple[Record, ...] = getattr(profile, kind)
    if len(records) > RECORDS_MAX:
        raise SettingsError("too many records", where=where, expected=f"at most {RECORDS_MAX}", got=str(len(records)))
    return [Template(record, f"{where}.{row}.uri") for row, record in enumerate(records)]
