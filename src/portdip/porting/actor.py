"""Who acts on an order: a name for the record, a role that says what it may do, a carrier that says with whose."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What an actor is to an order.

    `desk` serves subscribers for a carrier (營業廳, shop, text messages); `recipient`, `donor` and `range-holder`
    are the carriers' porting departments; `centre` runs the clearinghouse; `regulator` watches and decides disputes;
    `system` is this program acting by a rule of the profile, such as a timer.
    """

    DESK = "desk"
    RECIPIENT = "recipient"
    DONOR = "donor"
    RANGE_HOLDER = "range-holder"
    CENTRE = "centre"
    REGULATOR = "regulator"
    SYSTEM = "system"


#: Roles that act for one carrier, and see and touch only its orders.
CARRIER_ROLES = frozenset({Role.DESK, Role.RECIPIENT, Role.DONOR, Role.RANGE_HOLDER})


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who acts. `name` is the key or person for the audit, `carrier` the id of the carrier, '' for none."""

    name: str
    role: Role
    carrier: str = ""

    def __post_init__(self) -> None:
        assert (self.role in CARRIER_ROLES) == bool(self.carrier), f"{self.role} and carrier {self.carrier!r}"


#: The program itself.
SYSTEM = Actor("portdip", Role.SYSTEM)
