"""Two runs held against each other: better, the same, worse, or not to be told.

A figure's samples are compared by rank, so no shape of their noise is assumed and one disturbed round decides nothing.
The estimate is the median of all ratios of a sample now to a sample then (Hodges and Lehmann), its interval the one
that the Mann-Whitney test leaves (exact, by counting); both on logarithms, so that a ratio and its inverse are alike.
The interval holds for all figures together with 95 % (Bonferroni), as far as the number of rounds allows: with n and m
rounds no interval can promise more than 1 - 2 / C(n + m, n), which `Ratio.confidence` says. A figure is called the same
by an interval of its own, which holds it with 95 %: it is only of the other two that a hundred figures would find some.

Samples of one run know nothing of what changed between two runs: another neighbour on the host, another clock rate. So
there is a tolerance: TOLERANCE, or by how much the machine's own limits, which are in both runs, have moved. Better and
worse are said only where the whole interval lies beyond it; the same, where its own lies within SAME_WITHIN. Else the
runs are too noisy to tell, and that is said; so it is of times at a load where others had the cores too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from statistics import median

from portdip.capacity import machine
from portdip.capacity.result import Figure, Result
from portdip.errors import BenchResultError

CONFIDENCE = 0.95
#: Differences below it are of no use to anybody, and between two runs on an idle machine there are such.
TOLERANCE = 0.05
#: An interval of ratios no wider than this in either direction says that two figures are the same.
SAME_WITHIN = 0.25
#: With fewer rounds on either side nothing is told apart.
ROUNDS_MIN = 4
#: A time at a load of which so much is how late the questions were sent says little of the server.
_LATE_SHARE = 0.25
#: The group of figures that are the machine's alone.
CONTROLS = "machine"


class Verdict(StrEnum):
    """What became of a figure."""

    BETTER = "better"
    SAME = "same"
    WORSE = "worse"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class Ratio:
    """How much one set of samples is of another, with the interval that holds it with `confidence`."""

    estimate: float
    low: float
    high: float
    confidence: float


@dataclass(frozen=True)
class Compared:
    """A figure of both runs. `ratio` is now over then where higher is better, then over now where lower is.

    Its interval holds for all figures together.
    """

    figure: Figure
    then: Figure
    ratio: Ratio
    verdict: Verdict


@dataclass(frozen=True)
class Comparison:
    """All figures of both runs, what to be careful about, and the tolerance that the verdicts were found with."""

    when: datetime
    figures: tuple[Compared, ...]
    warnings: tuple[str, ...]
    tolerance: float
    only_now: int
    only_then: int

    def count(self, verdict: Verdict) -> int:
        """How many figures have this verdict."""
        return sum(one.verdict is verdict for one in self.figures)


def compare(now: Result, then: Result) -> Comparison:
    """Every figure that both runs have and that can be better or worse. Raises BenchResultError where none is."""
    before = {figure.key: figure for figure in then.figures}
    both = [figure for figure in now.figures if figure.better and figure.key in before and min(figure.samples) > 0]
    both = [figure for figure in both if min(before[figure.key].samples) > 0]
    if not both:
        raise BenchResultError("the two results have no figure in common", got=f"sizes {then.sizes} and {now.sizes}")
    outside = 1 - CONFIDENCE
    ratios = {figure.key: _oriented(figure, before[figure.key], outside / len(both)) for figure in both}
    own = {figure.key: _oriented(figure, before[figure.key], outside) for figure in both}
    controls = [ratios[figure.key] for figure in both if figure.group == CONTROLS and len(figure.samples) > 1]
    moved = max((_moved(ratio) for ratio in controls), default=0.0)
    tolerance = max(TOLERANCE, moved)
    keys = {figure.key for figure in now.figures}
    return Comparison(
        when=then.measured,
        figures=tuple(
            Compared(
                figure,
                before[figure.key],
                ratios[figure.key],
                Verdict.UNCLEAR
                if _is_disturbed(figure, now, then)
                else _verdict(figure, before[figure.key], ratios[figure.key], own[figure.key], tolerance),
            )
            for figure in both
        ),
        warnings=tuple(_warnings(now, then, moved)),
        tolerance=tolerance,
        only_now=len(keys - before.keys()),
        only_then=len(before.keys() - keys),
    )


def ratio_of(now: Sequence[float], then: Sequence[float], outside: float) -> Ratio:
    """How much `now` is of `then`, all above 0, with an interval that misses it with `outside` at most, if it can.

    >>> found = ratio_of([20.0, 21.0, 22.0, 23.0, 24.0], [10.0, 10.1, 10.2, 10.3, 10.4], 0.05)
    >>> round(found.estimate, 2), round(found.confidence, 3)
    (2.16, 0.968)
    """
    ratios = sorted(math.log(a) - math.log(b) for a in now for b in then)
    chances = _chances(len(now), len(then))
    below, missed = 0, 2 * chances[0]
    while below + 1 < len(ratios) // 2 and 2 * sum(chances[: below + 2]) <= outside:
        below += 1
        missed = 2 * sum(chances[: below + 1])
    return Ratio(math.exp(median(ratios)), math.exp(ratios[below]), math.exp(ratios[-1 - below]), max(0.0, 1 - missed))


@cache
def _chances(one: int, other: int) -> tuple[float, ...]:
    """How likely each value of the Mann-Whitney statistic is, from 0 on, for samples of the same thing."""
    # The number of ways to reach u with i and j samples: the largest is of the first sample and beats all j, or not.
    counts = [[[1] for _ in range(other + 1)] for _ in range(one + 1)]
    for i in range(1, one + 1):
        for j in range(1, other + 1):
            beaten = [0] * j + counts[i - 1][j]
            kept = counts[i][j - 1]
            counts[i][j] = [
                (beaten[u] if u < len(beaten) else 0) + (kept[u] if u < len(kept) else 0) for u in range(i * j + 1)
            ]
    ways = counts[one][other]
    return tuple(way / sum(ways) for way in ways)


def _oriented(figure: Figure, before: Figure, outside: float) -> Ratio:
    """Above 1 where now is better."""
    if figure.better == "higher":
        return ratio_of(figure.samples, before.samples, outside)
    return ratio_of(before.samples, figure.samples, outside)


def _moved(ratio: Ratio) -> float:
    """By how much a ratio is away from 1, 0 where its interval holds 1."""
    if ratio.low <= 1 <= ratio.high:
        return 0.0
    return max(ratio.estimate, 1 / ratio.estimate) - 1


def _is_disturbed(figure: Figure, *results: Result) -> bool:
    """Whether a time at a load says little of the server in one of the results.

    It does where it is to a good part how late its questions were sent, or where others had the cores as well: a wait
    for a core is longer than any answer takes.
    """
    when = figure.name.partition(" ")[2]
    if not when.endswith("load"):
        return False
    for result in results:
        if result.had_other_work:
            return True
        late = result.find(figure.group, f"sent late, p99 {when}", figure.size)
        own = result.find(*figure.key)
        if late is not None and own is not None and late.median > _LATE_SHARE * own.median:
            return True
    return False


def _verdict(figure: Figure, before: Figure, ratio: Ratio, own: Ratio, tolerance: float) -> Verdict:
    """`ratio` is of the interval that holds for all figures together, `own` of that of this one alone."""
    is_exact = figure.is_constant and before.is_constant
    if not is_exact and min(len(figure.samples), len(before.samples)) < ROUNDS_MIN:
        return Verdict.UNCLEAR
    beyond = TOLERANCE if is_exact else tolerance
    if ratio.low > 1 + beyond:
        return Verdict.BETTER
    if ratio.high < 1 / (1 + beyond):
        return Verdict.WORSE
    within = 1 + max(SAME_WITHIN, beyond)
    return Verdict.SAME if own.high <= within and own.low >= 1 / within else Verdict.UNCLEAR


def _warnings(now: Result, then: Result, moved: float) -> list[str]:
    found = [f"another machine: {difference}" for difference in machine.differences(now.machine, then.machine)]
    found += [
        f"not the same was measured: {name} {theirs} then, {ours} now"
        for name, ours, theirs in (
            ("seed", now.seed, then.seed),
            ("numbers", now.plan, then.plan),
            ("--quick", now.is_quick, then.is_quick),
        )
        if ours != theirs
    ]
    if moved > TOLERANCE:
        found.append(
            f"the machine's own limits moved by up to {moved:.0%} between the runs: "
            "no smaller difference counts, and one of the two was not alone"
        )
    if min(now.rounds, then.rounds) < ROUNDS_MIN:
        found.append(f"fewer than {ROUNDS_MIN} rounds: nothing that varies is told apart")
    for when, result in (("then", then), ("now", now)):
        found += [f"{when}: {remark}" for remark in result.remarks()]
    return found
