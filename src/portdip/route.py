"""The values every room shares: who serves a number, and the answer to a dip.

All are immutable and safe to share between threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

#: Route codes are 16-bit: 0 says "no route", 65,535 is kept free, so this many routes can be told apart.
ROUTES_MAX = 65_534


class Status(StrEnum):
    """What the numbering plan and the ported numbers say of a number.

    `ported`: it has its own entry. `native`: it has none and a range holder serves it. `unallocated`: a
    well-formed number that no range holds. `invalid`: not a number at all.
    """

    PORTED = "ported"
    NATIVE = "native"
    UNALLOCATED = "unallocated"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Carrier:
    """An operator or reseller that can serve numbers.

    `id` is what the authority calls it (SPID, NETID, OCN, MCC-MNC, ...); `name` is for people.
    """

    id: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.id} ({self.name})" if self.name and self.name != self.id else self.id


@dataclass(frozen=True, slots=True)
class Route:
    """A carrier and the routing number that reaches it.

    `code` is the store's own 16-bit name for the route (1 to 65,534). `routing_number` is an opaque string of up
    to 16 digits or hex digits, empty where calls to the carrier need none; it is never a decimal integer, because
    leading zeros and the digits A to F matter (RFC 4694 `rn`).
    """

    code: int
    carrier: Carrier
    routing_number: str = ""
    reseller: Carrier | None = None


@dataclass(frozen=True, slots=True)
class Dip:
    """The answer to one dip.

    `number` is the E.164 number as an integer, or None where `status` is `invalid`. `carrier` serves it now;
    `routing_number` reaches that carrier (empty: none needed). `range_holder` owns the range around it. `sequence`
    and `as_of` (UTC) say which state of the table answered.
    """

    number: int | None
    status: Status
    carrier: Carrier | None
    routing_number: str
    ported: bool
    range_holder: Carrier | None
    sequence: int
    as_of: datetime
