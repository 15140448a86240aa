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

In a time at a load is how late the questions were sent, which is not the server's. What it took is somewhere between
the time and the time less that lateness, in either run, and the interval is made wider by as much: what is said of the
server holds wherever in between it was.

Only figures of the same name and size are compared, and only where as much of the same was measured.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cache
from statistics import median

from portdip.capacity import machine
from portdip.capacity.result import LATE, Figure, Result
from portdip.errors import BenchResultError

CONFIDENCE = 0.95
#: Differences below it are of no use to anybody, and between two runs on an idle machine there are such.
TOLERANCE = 0.05
#: An interval of ratios no wider than this in either direction says that two figures are the same.
SAME_WITHIN = 0.25
#: With fewer rounds on either side nothing is told apart.
ROUNDS_MIN = 4
#: The group of figures that are the machine's alone.
CONTROLS = "machine"
#: What figures tell of how much was measured; with another amount it is another figure.
AMOUNTS = ("bytes", "numbers", "deltas", "seconds")
#: A ratio beyond this, or its inverse, is told as this: no change of a machine or a program is as large.
_RATIO_MAX = 1e6


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
    """All figures of both runs, what to be careful about, and the tolerance that the verdicts were found with.

    What was not compared, and why, is in `warnings`.
    """

    when: datetime
    figures: tuple[Compared, ...]
    warnings: tuple[str, ...]
    tolerance: float

    def count(self, verdict: Verdict) -> int:
        """How many figures have this verdict."""
        return sum(one.verdict is verdict for one in self.figures)


def compare(now: Result, then: Result) -> Comparison:
    """Every figure that both runs have and that can be better or worse. Raises BenchResultError where none is."""
    before = {figure.key: figure for figure in then.figures}
    pairs = [
        _Pair(figure, other, _own_share(figure, now), _own_share(other, then))
        for figure in now.figures
        if figure.better and (other := before.get(figure.key)) and not _unlike(figure, other)
    ]
    left_out = "; ".join(_left_out(now, then))
    if not pairs:
        raise BenchResultError("the two results have no figure in common", got=left_out)
    outside = 1 - CONFIDENCE
    ratios = [pair.ratio(outside / len(pairs)) for pair in pairs]
    controls = [
        ratio
        for pair, ratio in zip(pairs, ratios, strict=True)
        if pair.figure.group == CONTROLS and len(pair.figure.samples) > 1
    ]
    moved = max((_moved(ratio) for ratio in controls), default=0.0)
    tolerance = max(TOLERANCE, moved)
    is_alone = not (now.had_other_work or then.had_other_work)
    return Comparison(
        when=then.measured,
        figures=tuple(
            Compared(
                pair.figure,
                pair.before,
                ratio,
                # Where others have the cores too, a wait for one is longer than any answer takes.
                _verdict(pair.figure, pair.before, ratio, pair.ratio(outside), tolerance)
                if is_alone or not _is_at_load(pair.figure)
                else Verdict.UNCLEAR,
            )
            for pair, ratio in zip(pairs, ratios, strict=True)
        ),
        warnings=(*_warnings(now, then, moved), *([f"figures not compared: {left_out}"] if left_out else [])),
        tolerance=tolerance,
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
    most = math.log(_RATIO_MAX)
    estimate, low, high = (
        math.exp(min(max(found, -most), most)) for found in (median(ratios), ratios[below], ratios[-1 - below])
    )
    return Ratio(estimate, low, high, max(0.0, 1 - missed))


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


@dataclass(frozen=True)
class _Pair:
    """A figure of both runs, and which share of it is not the lateness of its questions, in either."""

    figure: Figure
    before: Figure
    own: float
    own_before: float

    def ratio(self, outside: float) -> Ratio:
        """Above 1 where now is better."""
        if self.figure.better == "higher":
            return ratio_of(self.figure.samples, self.before.samples, outside)
        found = ratio_of(self.before.samples, self.figure.samples, outside)
        return replace(found, low=found.low * self.own_before, high=found.high / self.own if self.own else math.inf)


def _own_share(figure: Figure, result: Result) -> float:
    """Which share of a time at a load is the server's at the least; 1 for other figures."""
    percentile, _, when = figure.name.partition(" ")
    late = result.find(figure.group, f"{LATE}, {percentile} {when}", figure.size) if _is_at_load(figure) else None
    return max(0.0, 1 - late.median / figure.median) if late else 1.0


def _is_at_load(figure: Figure) -> bool:
    return figure.name.endswith(" load")


def _unlike(figure: Figure, other: Figure) -> str:
    """Why two figures of one name and size cannot be compared, '' where they can."""
    if (figure.unit, figure.better) != (other.unit, other.better):
        return "of another unit"
    if any(figure.detail.get(name) != other.detail.get(name) for name in AMOUNTS):
        return "of another amount, as with --quick"
    return "" if min(figure.samples) > 0 < min(other.samples) else "with a sample of 0"


def _left_out(now: Result, then: Result) -> Iterator[str]:
    """How many figures are in one run only, or cannot be compared, and why."""
    for when, ours, theirs in (("now", now, then), ("then", then, now)):
        keys = {figure.key for figure in theirs.figures}
        names = {(group, name) for group, name, _ in keys}
        only = [figure for figure in ours.figures if figure.better and figure.key not in keys]
        sized = sum((figure.group, figure.name) in names for figure in only)
        reasons = ((sized, "of other sizes"), (len(only) - sized, "of other names"))
        if only:
            yield f"only {when}, " + " and ".join(f"{count} {why}" for count, why in reasons if count)
    before = {figure.key: figure for figure in then.figures}
    both = [figure for figure in now.figures if figure.better and figure.key in before]
    for why, count in Counter(_unlike(figure, before[figure.key]) for figure in both).items():
        if why:
            yield f"in both, {count} {why}"


def _moved(ratio: Ratio) -> float:
    """By how much a ratio is away from 1, 0 where its interval holds 1."""
    if ratio.low <= 1 <= ratio.high:
        return 0.0
    return max(ratio.estimate, 1 / ratio.estimate) - 1


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


def _sizes(result: Result) -> str:
    return " and ".join(f"{size:,}" for size in result.sizes)


def _warnings(now: Result, then: Result, moved: float) -> list[str]:
    found = [f"another machine: {difference}" for difference in machine.differences(now.machine, then.machine)]
    found += [
        f"not the same was measured: {name} {theirs} then, {ours} now"
        for name, ours, theirs in (
            ("seed", now.seed, then.seed),
            ("numbers", now.plan, then.plan),
            ("sizes", _sizes(now), _sizes(then)),
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
