"""Carriers as pdb's clients know them: small integers.

A pdb reply has room for a signed 16-bit carrier id, and no client accepts 0. Our carriers have ids of their authority
(SPID, NETID, MCC-MNC, ...), so the settings say which integer stands for which of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from portdip.lookup.generation import Generation
from portdip.route import ROUTES_MAX, Carrier, Route
from portdip.settings.access import Pdb

#: The largest id of a carrier: the reply's integer is signed.
CARRIER_MAX = 32_767


@dataclass(frozen=True, slots=True, eq=False)
class PdbTables:
    """What route codes read as in a pdb reply. Unchanging, for any number of threads.

    `carriers` is a uint16 array of shape (65536,): the integer of the route's carrier, 0 for codes without a route.
    `v0_not_found` is what version 0 says for no carrier. `routes` and `settings` are what they were made from.
    """

    routes: Mapping[int, Route]
    settings: Pdb
    carriers: npt.NDArray[np.uint16]
    v0_not_found: int

    @classmethod
    def of(cls, generation: Generation, settings: Pdb, before: Self | None) -> Self:
        """The tables for `generation`; `before` itself where its routes and settings are still the same."""
        routes = generation.routes
        if before is not None and before.routes is routes and before.settings == settings:
            return before
        integers = carrier_integers({route.carrier for route in routes.values()}, settings)
        carriers = np.zeros(ROUTES_MAX + 2, dtype=np.uint16)
        for code, route in routes.items():
            carriers[code] = integers[route.carrier.id]
        carriers.flags.writeable = False
        return cls(routes, settings, carriers, settings.v0_not_found)


def carrier_integers(carriers: set[Carrier], settings: Pdb) -> dict[str, int]:
    """Carrier id to the integer that clients get.

    That of the settings; else the id itself, if it is a number from 1 to 32,767 that stands for no other carrier
    ("011" reads as 11, as in the files of pdbt); else `settings.other`.

    >>> carriers = {Carrier("CMCC"), Carrier("011"), Carrier("12"), Carrier("46000")}
    >>> sorted(carrier_integers(carriers, Pdb(carriers={"CMCC": 12})).items())
    [('011', 11), ('12', 1000), ('46000', 1000), ('CMCC', 12)]
    """
    given = settings.carriers
    own = {carrier.id: _own_integer(carrier.id) for carrier in carriers if carrier.id not in given}
    claims = Counter([*own.values(), *set(given.values())])
    unclear = {integer for integer, count in claims.items() if count > 1}
    own = {name: settings.other if integer in unclear else integer for name, integer in own.items()}
    return {name: integer or settings.other for name, integer in {**own, **given}.items()}


def _own_integer(name: str) -> int:
    """The integer that an id is, or 0."""
    if not (name.isascii() and name.isdigit() and len(name) <= len(str(CARRIER_MAX))):
        return 0
    integer = int(name)
    return integer if integer <= CARRIER_MAX else 0
