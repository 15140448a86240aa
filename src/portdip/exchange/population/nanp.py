"""A plan in the shape of the North American one, synthetic throughout: every area code, every exchange code.

Numbers are 1 NPA NXX XXXX, a block is one NPA-NXX. Four neighbouring area codes make a region (a LATA,
roughly) with its own set of carriers, dozens to hundreds, a few of them large. Each carrier has one location
routing number (LRN, ten digits) in the region. A third of the blocks is pooled: some of their ten
thousands-blocks are held by another carrier than the rest and reached over that carrier's LRN (pooled numbers
are routed as ported ones are); natives of a block's own holder need no routing number.

What is drawn here is drawn once, from a fixed seed: the plan is the same for every population.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from portdip.exchange.population.numbering_plan import BLOCK, TICKETS, Plan, hand_out
from portdip.route import Carrier, Route

_CARRIERS = 640
_NPAS_PER_REGION = 4
_CARRIERS_OF_REGION = (40, 300)
#: A carrier's share falls with this power of its rank in the region.
_TAIL = 1.1
_PARTS = 10
_POOLED_BLOCKS = 1 / 3
_POOLED_PARTS = 0.3
_COUNTRY = 10**10
_SEED = 0x1A9


def plan() -> Plan:
    """The plan: 564 k blocks, 178 regions, some 30 k routes."""
    random = np.random.default_rng(_SEED)
    npas = np.array([npa for npa in range(200, 1000) if npa // 10 % 10 != 9 and npa % 100 != 11])
    exchanges = np.array([nxx for nxx in range(200, 1000) if nxx % 100 != 11])
    regions = -(-len(npas) // _NPAS_PER_REGION)

    carriers = [Carrier(f"X{ordinal:03d}", f"Synthetic carrier {ordinal}") for ordinal in range(_CARRIERS)]
    routes = [Route(code, carrier) for code, carrier in enumerate(carriers, start=1)]
    native = [0, *(route.code for route in routes)]  # by route code, the code without a routing number
    tickets = []
    for region in range(regions):
        members = _members(random)
        lead = npas[region * _NPAS_PER_REGION]
        codes = np.arange(len(routes) + 1, len(routes) + 1 + len(members))
        for code, member, nxx in zip(codes.tolist(), members.tolist(), exchanges.tolist(), strict=False):
            routes.append(Route(code, carriers[member], f"{lead}{nxx}0000"))
        native.extend(members + 1)
        tickets.append(np.repeat(codes, hand_out(_mix(len(members)))))

    first = (_COUNTRY + (npas[:, np.newaxis] * 1000 + exchanges).ravel() * BLOCK).astype(np.uint64)
    area = np.repeat(np.arange(len(npas)) // _NPAS_PER_REGION, len(exchanges)).astype(np.uint16)
    table = np.array(tickets, dtype=np.uint16)
    owner, home = _holders(random, table, area)
    return Plan(
        name="nanp",
        routes=routes,
        first=first,
        area=area,
        weight=np.ones(len(first)),
        home=home,
        tickets=table,
        ranges=_ranges(first, np.array(native, dtype=np.uint64)[owner], home, pooled=home != owner[:, np.newaxis]),
    )


def _members(random: np.random.Generator) -> npt.NDArray[np.intp]:
    """The carriers of one region, largest there first; a small one is there by chance."""
    count = random.integers(*_CARRIERS_OF_REGION, endpoint=True)
    # The first by logarithm of size plus Gumbel noise are a sample without replacement in proportion to size.
    appeal = -np.log(1 + np.arange(_CARRIERS)) + random.gumbel(size=_CARRIERS)
    return np.argsort(-appeal)[:count]


def _mix(count: int) -> npt.NDArray[np.float64]:
    size = 1 / np.arange(1, count + 1) ** _TAIL
    return np.asarray(size / size.sum())


def _holders(
    random: np.random.Generator, tickets: npt.NDArray[np.uint16], area: npt.NDArray[np.uint16]
) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16]]:
    """The route to the holder of each block, and of each of its thousands-blocks, shape (blocks, 10)."""
    shape = (len(area), _PARTS)
    owner = tickets[area, random.integers(0, TICKETS, len(area))]
    other = tickets[area[:, np.newaxis], random.integers(0, TICKETS, shape)]
    pooled = (random.random((len(area), 1)) < _POOLED_BLOCKS) & (random.random(shape) < _POOLED_PARTS)
    return owner, np.where(pooled, other, owner[:, np.newaxis])


def _ranges(
    first: npt.NDArray[np.uint64],
    native: npt.NDArray[np.uint64],
    home: npt.NDArray[np.uint16],
    pooled: npt.NDArray[np.bool_],
) -> npt.NDArray[np.uint64]:
    """One range a block, and inside it one for each pooled thousand; ascending, outer before inner."""
    blocks = np.column_stack([first, first + np.uint64(BLOCK - 1), native])
    block, part = np.nonzero(pooled)
    begin = first[block] + (part * (BLOCK // _PARTS)).astype(np.uint64)
    parts = np.column_stack([begin, begin + np.uint64(BLOCK // _PARTS - 1), home[pooled].astype(np.uint64)])
    ranges = np.concatenate([blocks, parts])
    return ranges[np.lexsort((~ranges[:, 1], ranges[:, 0]))]
