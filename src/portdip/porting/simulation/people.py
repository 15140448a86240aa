"""Who lives in a simulated country: carriers, their ranges, and what a donor's system says of each subscriber.

A subscriber is not kept anywhere: what there is to know of a number is drawn from the seed and the number each time
it is asked for, so a country of a hundred million costs nothing. Numbers begin with the country code and 10, which
no country's mobile numbers do. Rates are assumptions, round ones.
"""

from __future__ import annotations

import hashlib
import random
from collections import deque
from dataclasses import dataclass
from datetime import timedelta

from portdip.errors import CannotTellError
from portdip.porting.clock import Clock
from portdip.porting.donor_systems import Subscriber
from portdip.porting.eligibility import Claim
from portdip.porting.privacy import Vault
from portdip.porting.profile import Profile

#: Carriers, their routing numbers, the share of the numbers they hold and of the ports they win, in percent.
CARRIERS = {
    "CMCC": ("0A01", 56, 38),
    "CTCC": ("0B01", 24, 33),
    "CUCC": ("0C01", 18, 26),
    "CBN": ("0D01", 2, 3),
}
_DIGITS = 8
#: What is true of so many subscribers in 10,000; these overlap.
_RATES = {
    "arrears": 400,
    "contract": 400,
    "unbilled": 200,
    "suspended": 100,
    "nameless": 30,
    "new": 200,
    "iot": 50,
    "barred": 20,
}
_IN = 10_000
#: How often, in 10,000: a donor's system cannot tell; an applicant is somebody else; comes of those ported lately.
_CANNOT_TELL, _STRANGER, _PORTED_LATELY = 20, 100, 250
#: Numbers ported lately that are remembered.
_LATELY = 10_000


@dataclass(frozen=True, slots=True)
class Block:
    """The numbers from `first` to `last` and who holds them."""

    first: int
    last: int
    carrier: str
    routing_number: str


class People:
    """The people of a country with the rules of `profile`. For one thread."""

    def __init__(self, profile: Profile, vault: Vault, clock: Clock, seed: int) -> None:
        self._vault = vault
        self._clock = clock
        self._random = random.Random(f"people {seed}")  # noqa: S311
        self._seed = seed
        self._lately: deque[tuple[int, str]] = deque(maxlen=_LATELY)
        self._first = int(f"{profile.country_code}10") * 10**_DIGITS
        self.blocks = self._blocks()

    def applicant(self) -> tuple[int, str]:
        """The number of somebody who wants to leave, and the carrier that serves them."""
        if self._lately and self._random.randrange(_IN) < _PORTED_LATELY:
            return self._random.choice(self._lately)
        number = self._first + self._random.randrange(10**_DIGITS)
        return number, next(block.carrier for block in self.blocks if number <= block.last)

    def recipient(self, donor: str) -> str:
        """Where somebody of this donor goes."""
        others = [carrier for carrier in CARRIERS if carrier != donor]
        return self._random.choices(others, [CARRIERS[carrier][2] for carrier in others])[0]

    def claim(self, number: int) -> Claim:
        """Who the applicant for a number says they are; now and then it is somebody else."""
        stranger = self._random.randrange(_IN) < _STRANGER
        return Claim(f"{number + stranger:018d}", "")

    def moved(self, number: int, carrier: str) -> None:
        """A number was ported to a carrier."""
        self._lately.append((number, carrier))

    def cannot_tell(self) -> bool:
        """Whether a donor's system gives no answer now."""
        return self._random.randrange(_IN) < _CANNOT_TELL

    def subscriber(self, number: int, carrier: str) -> Subscriber:
        """What a carrier knows of the subscriber of a number."""
        draws = hashlib.blake2b(f"{self._seed} {number}".encode(), digest_size=2 * len(_RATES)).digest()
        is_so = {
            name: int.from_bytes(draws[2 * index : 2 * index + 2]) % _IN < rate
            for index, (name, rate) in enumerate(_RATES.items())
        }
        now = self._clock.now()
        identity = self._vault.identity(f"{number:018d}")
        return Subscriber(
            number=number,
            carrier=carrier,
            kind="iot" if is_so["iot"] else "personal",
            status="suspended" if is_so["suspended"] else "normal",
            area="",
            real_name=not is_so["nameless"],
            identity=identity.hash,
            identity_last4=identity.last4,
            name="",
            arrears=1_000 * is_so["arrears"],
            unbilled=1_000 * is_so["unbilled"],
            unbilled_agreed=not is_so["unbilled"],
            contract_until=now + timedelta(days=300) if is_so["contract"] else None,
            joined=now - timedelta(days=30 if is_so["new"] else 1_000),
            bars=frozenset({"court"} if is_so["barred"] else ()),
        )

    def _blocks(self) -> list[Block]:
        blocks, first = [], self._first
        for carrier, (routing_number, percent, _) in CARRIERS.items():
            last = first + percent * 10**_DIGITS // 100 - 1
            blocks.append(Block(first, last, carrier, routing_number))
            first = last + 1
        return blocks


class SimulatedDonor:
    """The system of one carrier of the simulated country."""

    def __init__(self, people: People, carrier: str) -> None:
        self._people = people
        self._carrier = carrier

    def subscriber(self, number: int) -> Subscriber | None:
        """As `portdip.porting.donor_systems.DonorSystem` says."""
        if self._people.cannot_tell():
            raise CannotTellError(f"the system of {self._carrier} gave no usable answer", got="time-out")
        return self._people.subscriber(number, self._carrier)
