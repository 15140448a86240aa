"""How ported numbers are drawn: block shares, recipients, second ports, returns and effective times.

Each block of the plan gets a share of ported numbers, drawn from a Beta distribution around a mean that makes
the whole come to N. At 60 million in China most blocks lose a few percent of their users (a third of their
numbers are in use), some none, a few a quarter. The shares are scaled and rounded by one running total, so
that every block keeps its expectation and the sum is exactly N. Within a block any number is as likely as
another. A ported number goes to a carrier of the area's recipient mix other than its holder; one in forty was
ported once before, to a third carrier, which is then its donor; one in a hundred came back to its holder and
has no entry any more (it counts neither toward N nor toward the share).

Numbers are drawn in stripes of 512 blocks, each from its own random stream seeded by (seed, stripe): memory
stays constant, and the result depends on plan, N, seed and share alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from portdip.errors import PortdipError
from portdip.exchange.population.numbering_plan import BLOCK, TICKETS, Plan

#: The largest mean share of a whole plan, of blocks with a share asked for, and of any single block.
SHARE_MAX = 0.25
_SHARE_MAX_PACKED = 0.5
_BLOCK_SHARE_MAX = 0.9
#: First parameter of the Beta distribution: the smaller, the more unequal the blocks.
_BETA = 1.5
#: A share asked for may be exceeded by this much where the plan has just too few blocks for it.
_SHARE_SLACK = 1.05
_PORTED_TWICE = 0.025
_RETURNED = 0.01
_STRIPE = 512

#: Porting began on 1 December 2019 (Beijing time) and this population ends six years later; cut-over is on
#: the full hour, at 09:00 to 20:00 Beijing time.
_BEGAN = np.datetime64("2019-12-01T00:00:00", "us").astype(np.int64)
_DAYS = 2192
_HOURS_UTC = (1, 13)
_HOUR_US = 3_600_000_000

Numbers = npt.NDArray[np.uint64]
Codes = npt.NDArray[np.uint16]
Indices = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Chunk:
    """Ported numbers of neighbouring blocks: `numbers` strictly increasing, above those of the chunk before.

    One value per number: `codes`, the route code (Plan.routes[code - 1]); `donors`, the code of a route of
    the carrier it left; `effective`, microseconds since 1970 UTC. `returned` are numbers (none of `numbers`)
    that were ported and came back.
    """

    numbers: Numbers
    codes: Codes
    donors: Codes
    effective: npt.NDArray[np.int64]
    returned: Numbers


def draw(plan: Plan, numbers: int, seed: int, share: float | None = None) -> Iterator[Chunk]:
    """`numbers` ported numbers of `plan`, in chunks of at most a few million, at a constant cost of memory.

    Without `share` they spread over the whole plan, its blocks unequal as described above. With it, only as
    many blocks as needed are used, picked at random, each with that share of its numbers ported (binomially).

    Raises PortdipError at once where the plan cannot hold that many: SHARE_MAX of its portable numbers, or
    `share` of them. Chunks are drawn as they are asked for; iterators are independent of each other.
    """
    if numbers < 0 or seed < 0:
        raise PortdipError(
            "cannot draw a population",
            expected="0 or more numbers, a seed of 0 or more",
            got=f"{numbers} numbers, seed {seed}",
        )
    random = np.random.default_rng([seed, 0])
    blocks, shares = _spread(plan, numbers, random) if share is None else _packed(plan, numbers, share, random)
    return _chunks(plan, blocks, _rows(shares, numbers, random), seed)


def _spread(plan: Plan, numbers: int, random: np.random.Generator) -> tuple[Indices, Shares]:
    blocks = np.flatnonzero(plan.weight)
    if numbers > SHARE_MAX * len(blocks) * BLOCK:
        raise _too_many(plan, numbers, int(SHARE_MAX * len(blocks) * BLOCK), f"{SHARE_MAX:.0%} of its portable numbers")
    weight = plan.weight[blocks]
    mean = weight * max(1, numbers) / (weight.sum() * BLOCK)
    return blocks, random.beta(_BETA, _BETA / mean - _BETA)


def _packed(plan: Plan, numbers: int, share: float, random: np.random.Generator) -> tuple[Indices, Shares]:
    if not 0 < share <= _SHARE_MAX_PACKED:
        raise PortdipError("no such share", expected=f"above 0, at most {_SHARE_MAX_PACKED}", got=str(share))
    portable = np.flatnonzero(plan.weight)
    needed = max(1, math.ceil(numbers / (share * BLOCK)))
    if needed > len(portable) * _SHARE_SLACK:
        raise _too_many(plan, numbers, int(len(portable) * share * BLOCK), f"{share:.2%} of its portable numbers")
    blocks = np.sort(random.choice(portable, min(needed, len(portable)), replace=False))
    return blocks, np.maximum(1, random.binomial(BLOCK, share, len(blocks))) / BLOCK


def _too_many(plan: Plan, numbers: int, capacity: int, what: str) -> PortdipError:
    return PortdipError(
        f"the plan {plan.name} cannot hold so many ported numbers",
        expected=f"at most {capacity:,}, {what}",
        got=f"{numbers:,}",
        fix="Ask for fewer, for a larger share, or use another plan.",
    )


def _rows(shares: Shares, numbers: int, random: np.random.Generator) -> Indices:
    """How many numbers each block gets: in proportion to `shares`, no block over-full, `numbers` in all."""
    limit = BLOCK * _BLOCK_SHARE_MAX
    expected = np.minimum(shares * (numbers / shares.sum()), limit)
    room = limit - expected  # takes up what the fullest blocks cannot
    expected += room * ((numbers - expected.sum()) / room.sum())
    edges = np.floor(np.cumsum(expected) + random.random()).astype(np.int64)
    edges[-1] = numbers
    return np.diff(edges, prepend=0)


def _chunks(plan: Plan, blocks: Indices, rows: Indices, seed: int) -> Iterator[Chunk]:
    for stripe, begin in enumerate(range(0, len(blocks), _STRIPE), start=1):
        random = np.random.Generator(np.random.SFC64([seed, stripe]))
        part = slice(begin, begin + _STRIPE)
        yield _chunk(plan, blocks[part], rows[part], random)


def _chunk(plan: Plan, blocks: Indices, rows: Indices, random: np.random.Generator) -> Chunk:
    returns = random.binomial(rows, _RETURNED)
    spots = _distinct(rows + returns, random)
    entry = np.ones(len(spots), dtype=bool)
    entry[random.choice(len(spots), returns.sum(), replace=False, shuffle=False)] = False
    block = blocks[spots // BLOCK]
    offset = spots % BLOCK
    numbers = plan.first[block] + offset.astype(np.uint64)

    block, offset = block[entry], offset[entry]
    area = plan.area[block]
    home = plan.home[block, offset // (BLOCK // plan.home.shape[1])]
    codes = _recipients(plan, area, random, home)
    donors = home.copy()
    twice = np.flatnonzero(random.random(len(codes)) < _PORTED_TWICE)
    donors[twice] = _recipients(plan, area[twice], random, home[twice], codes[twice])
    return Chunk(numbers[entry], codes, donors, _full_hours(len(codes), random), numbers[~entry])


def _distinct(need: Indices, random: np.random.Generator) -> Indices:
    """For each block, as many different spots in it as needed; ascending over all blocks laid end to end.

    Spots are drawn with repetition until enough different ones are there, so that every set is equally
    likely.
    """
    taken = np.zeros(len(need) * BLOCK, dtype=bool)
    start = np.arange(len(need)) * BLOCK
    taken[np.repeat(start, need) + random.integers(0, BLOCK, need.sum())] = True
    missing = need - np.bincount(np.flatnonzero(taken) // BLOCK, minlength=len(need))
    while count := missing.sum():
        again = np.unique(np.repeat(start, missing) + random.integers(0, BLOCK, count))
        fresh = again[~taken[again]]
        taken[fresh] = True
        missing -= np.bincount(fresh // BLOCK, minlength=len(need))
    return np.flatnonzero(taken)


def _recipients(plan: Plan, area: Codes, random: np.random.Generator, *excluded: Codes) -> Codes:
    """A route of each area's mix by lot, none of the `excluded` codes."""
    start, count = plan.run
    free = TICKETS - sum(count[codes] for codes in excluded)
    ticket = (random.random(len(area)) * free).astype(np.int64)
    for codes in np.sort(excluded, axis=0):  # step over their tickets, the lowest first
        ticket += np.where(ticket >= start[codes], count[codes], 0)
    return plan.tickets[area, ticket]


def _full_hours(count: int, random: np.random.Generator) -> npt.NDArray[np.int64]:
    day = random.integers(0, _DAYS, count)
    hour = random.integers(*_HOURS_UTC, count)
    return _BEGAN + (day * 24 + hour) * _HOUR_US
