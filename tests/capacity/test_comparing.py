"""Two runs: what is the same is not called better or worse, what differs is found, and doubt is said to be doubt."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip.capacity import comparing
from portdip.capacity.comparing import Verdict, compare, ratio_of
from portdip.errors import BenchResultError
from tests.capacity import results

positive = st.lists(st.floats(0.01, 1e6), min_size=1, max_size=9)
FIGURES = 60


def drawn(random: np.random.Generator, noise: float, rounds: int = 8, first: float = 1.0, outliers: float = 0.0):
    """A run of many figures around 100 with lognormal noise, some rounds disturbed; the first is `first` times that."""
    figures = []
    for place in range(FIGURES):
        samples = 100 * np.exp(random.normal(size=rounds) * noise)
        samples *= np.where(random.random(rounds) < outliers, np.exp(random.exponential(0.7, rounds)), 1.0)
        shift = first if place == 0 else 1.0
        figures.append(
            results.figure("engine", f"figure {place}", 1.0, unit="/s").model_copy(
                update={"samples": tuple((samples * shift).tolist())}
            )
        )
    return results.result().model_copy(update={"figures": tuple(figures), "rounds": rounds})


@pytest.mark.parametrize(("noise", "outliers"), [(0.01, 0.0), (0.05, 0.0), (0.3, 0.0), (0.05, 0.15)])
def test_runs_of_the_same_are_called_neither_better_nor_worse(seed, noise, outliers):
    """In 40 pairs of runs of 60 figures; one pair in twenty may have one, were all of the tolerance used up."""
    random = np.random.default_rng(seed)
    wrong = 0
    for _ in range(40):
        comparison = compare(drawn(random, noise, outliers=outliers), drawn(random, noise, outliers=outliers))
        wrong += comparison.count(Verdict.BETTER) + comparison.count(Verdict.WORSE) > 0
    assert wrong <= 8  # of 40 at 5 %: more is as likely as 1 in 4,000


def test_quiet_runs_of_the_same_are_called_the_same(seed):
    random = np.random.default_rng(seed)
    comparison = compare(drawn(random, 0.02), drawn(random, 0.02))
    assert comparison.count(Verdict.SAME) == FIGURES


def test_a_round_that_was_disturbed_does_not_keep_the_same_from_being_called_so(seed):
    random = np.random.default_rng(seed)
    comparison = compare(drawn(random, 0.03, 12, outliers=0.05), drawn(random, 0.03, 12, outliers=0.05))
    assert comparison.count(Verdict.SAME) >= 0.9 * FIGURES


def test_noisy_runs_of_the_same_are_called_unclear(seed):
    random = np.random.default_rng(seed)
    comparison = compare(drawn(random, 0.4), drawn(random, 0.4))
    assert comparison.count(Verdict.UNCLEAR) >= 0.8 * FIGURES


@pytest.mark.parametrize(("factor", "verdict"), [(1.3, Verdict.BETTER), (1 / 1.3, Verdict.WORSE)])
def test_a_difference_of_30_percent_is_seen_through_5_percent_of_noise(seed, factor, verdict):
    random = np.random.default_rng(seed)
    seen = 0
    for _ in range(20):
        comparison = compare(drawn(random, 0.05, first=factor), drawn(random, 0.05))
        seen += comparison.figures[0].verdict is verdict
        assert all(one.verdict in (Verdict.SAME, Verdict.UNCLEAR) for one in comparison.figures[1:])
    assert seen >= 15


def test_differences_below_the_tolerance_do_not_count():
    then = results.result()
    now = results.result(changed={("enum", "CPU of an answer"): 5.0 * 1.04})
    assert {one.verdict for one in compare(now, then).figures} == {Verdict.SAME}


def test_of_what_is_better_lower_less_is_better():
    then = results.result(spread=0.001)
    now = results.result(spread=0.001, changed={("enum", "CPU of an answer"): 2.5})
    found = {one.figure.name: one for one in compare(now, then).figures if one.verdict is not Verdict.SAME}
    assert list(found) == ["CPU of an answer"]
    assert found["CPU of an answer"].verdict is Verdict.BETTER
    assert found["CPU of an answer"].ratio.estimate == pytest.approx(2.0, rel=0.01)


def test_what_the_machine_itself_moved_by_does_not_count():
    then = results.result(spread=0.01)
    slower = {("machine", "spin"): 2.8, ("enum", "CPU of an answer"): 6.5, ("pdb", "CPU of an answer"): 8.0}
    comparison = compare(results.result(spread=0.01, changed=slower), then)
    verdicts = {(one.figure.group, one.figure.name): one.verdict for one in comparison.figures}
    assert comparison.tolerance == pytest.approx(0.4, abs=0.02)
    assert verdicts["enum", "CPU of an answer"] is not Verdict.WORSE  # 30 % slower, and so is the machine
    assert verdicts["pdb", "CPU of an answer"] is Verdict.WORSE
    assert any("own limits moved" in warning for warning in comparison.warnings)


def test_what_only_describes_is_not_compared():
    names = {one.figure.name for one in compare(results.result(), results.result()).figures}
    assert not any(name.startswith("answered") for name in names)


def test_another_machine_is_told():
    other = {"processor": "B", "cores": 4, "memory": "24684096 kB"}
    warnings = compare(results.result(machine=other, others=0.4), results.result()).warnings
    assert [w for w in warnings if "another machine" in w] == [
        "another machine: processor: A then, B now",
        "another machine: cores: 2 then, 4 now",
    ]
    assert any(warning.startswith("now: the machine had other work") for warning in warnings)


def test_memory_of_another_boot_is_the_same_memory():
    rebooted = results.result().machine | {"memory": "24680000 kB"}
    assert compare(results.result(machine=rebooted), results.result()).warnings == ()


def test_another_seed_and_fewer_rounds_are_told():
    warnings = compare(results.result(seed=2, rounds=3), results.result()).warnings
    assert any("seed 1 then, 2 now" in warning for warning in warnings)
    assert any("fewer than" in warning for warning in warnings)


def test_with_few_rounds_only_what_never_varies_is_told_apart():
    def few(value: float, samples: tuple[float, ...]):
        figures = (
            results.figure("enum", "rate", 1.0).model_copy(update={"samples": samples}),
            results.figure("memory", "bytes", 1.0).model_copy(update={"samples": (value,), "is_constant": True}),
        )
        return results.result().model_copy(update={"figures": figures})

    for now, then in (((1.0, 1.1), (3.0, 3.1)), ((1.0,), (3.0,))):
        verdicts = [one.verdict for one in compare(few(1.0, now), few(2.0, then)).figures]
        assert verdicts == [Verdict.UNCLEAR, Verdict.BETTER]


def with_late(late: float, time: float, **late_at: float):
    """A run of one time at a load, p99, with how late its questions were sent; and that of other percentiles."""
    figures = (
        results.figure("pdb", "p99 at 50 % load", time, 0.01),
        *(
            results.figure("pdb", f"sent late, {percentile} at 50 % load", value, better="", unit="us")
            for percentile, value in {"p99": late, **late_at}.items()
        ),
    )
    return results.result().model_copy(update={"figures": figures})


@pytest.mark.parametrize(
    ("now", "then", "verdict"),
    [
        ((5.0, 2000.0), (5.0, 100.0), Verdict.WORSE),
        ((1500.0, 2000.0), (5.0, 100.0), Verdict.WORSE),  # 500 us are the server's at the least
        ((1920.0, 2000.0), (5.0, 100.0), Verdict.UNCLEAR),  # all of the difference may be lateness
        ((3000.0, 2000.0), (5.0, 100.0), Verdict.UNCLEAR),
        ((5.0, 100.0), (1500.0, 2000.0), Verdict.BETTER),
        ((5.0, 100.0), (1920.0, 2000.0), Verdict.UNCLEAR),
        ((5.0, 100.0), (5.0, 100.0), Verdict.SAME),
        ((90.0, 100.0), (90.0, 100.0), Verdict.UNCLEAR),  # what the server took may be tenfold, and lateness hides it
    ],
)
def test_a_time_at_a_load_is_judged_where_lateness_cannot_explain_the_difference(now, then, verdict):
    assert compare(with_late(*now), with_late(*then)).figures[0].verdict is verdict


def test_lateness_is_held_against_the_time_of_the_same_percentile():
    """A server at whose load questions queue is slower by the median, however late one in a hundred was sent."""
    calm, slow = with_late(5.0, 28.0, p50=9000.0), with_late(5.0, 281.0, p50=9000.0)
    assert compare(slow, calm).figures[0].verdict is Verdict.WORSE


def test_times_are_not_judged_where_others_had_the_cores_too():
    busy = with_late(5.0, 2000.0).model_copy(update={"others": 0.4})
    assert compare(busy, with_late(5.0, 100.0)).figures[0].verdict is Verdict.UNCLEAR


def test_results_without_a_figure_in_common_are_refused():
    alone = results.result().model_copy(update={"figures": (results.figure("a", "b", 1.0),)})
    with pytest.raises(BenchResultError, match="no figure in common; got only now, 1 of other names; only then"):
        compare(alone, results.result())


def told(now, then) -> str:
    """What is said of figures that were not compared."""
    return next((line for line in compare(now, then).warnings if line.startswith("figures not compared")), "")


def test_what_only_one_run_has_is_counted_with_the_reason():
    whole = results.result()
    few = whole.model_copy(update={"figures": whole.figures[:5]})
    missing = sum(bool(figure.better) for figure in whole.figures[5:])
    assert told(whole, whole) == ""
    assert told(whole, few) == f"figures not compared: only now, {missing} of other names"
    assert told(few, whole) == f"figures not compared: only then, {missing} of other names"
    larger = tuple(figure.model_copy(update={"size": 10_000_000}) for figure in whole.figures[5:])
    other = whole.model_copy(update={"figures": (*whole.figures[:5], *larger), "sizes": (10_000_000,)})
    assert told(whole, other) == (
        f"figures not compared: only now, {missing} of other sizes; only then, {missing} of other sizes"
    )
    assert "not the same was measured: sizes 10,000,000 then, 1,000,000 now" in compare(whole, other).warnings


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"detail": {"bytes": 64 << 20, "share_on_huge_pages": 1.0}}, "of another amount, as with --quick"),
        ({"unit": "ms"}, "of another unit"),
        ({"better": "higher"}, "of another unit"),
        ({"samples": (0.0, 400.0)}, "with a sample of 0"),
    ],
)
def test_what_was_measured_otherwise_is_another_figure(change, reason):
    """It is neither judged nor, where it is a limit of the machine, makes it seem another one."""

    def with_latency(**update):
        made = results.figure("machine", "latency", 100.0, unit="ns", detail={"bytes": 256 << 20})
        whole = results.result()
        return whole.model_copy(update={"figures": (*whole.figures, made.model_copy(update=update))})

    then = with_latency(detail={"bytes": 256 << 20, "share_on_huge_pages": 0.5})
    comparison = compare(with_latency(**({"samples": (400.0,) * results.ROUNDS} | change)), then)
    assert "latency" not in {one.figure.name for one in comparison.figures}
    assert comparison.tolerance == comparing.TOLERANCE
    assert comparison.warnings == (f"figures not compared: in both, 1 {reason}",)


@pytest.mark.parametrize(("one", "other"), [(1, 1), (2, 3), (3, 3), (4, 2)])
def test_the_chances_are_those_of_counting_every_order(one, other):
    counts: dict[int, int] = {}
    for order in permutations(range(one + other)):
        first, second = order[:one], order[one:]
        u = sum(a > b for a in first for b in second)
        counts[u] = counts.get(u, 0) + 1
    total = sum(counts.values())
    assert comparing._chances(one, other) == pytest.approx([counts[u] / total for u in range(one * other + 1)])


@given(positive, positive)
def test_a_ratio_and_its_inverse_agree(now, then):
    one, other = ratio_of(now, then, 0.05), ratio_of(then, now, 0.05)
    assert one.low <= one.estimate * (1 + 1e-9)
    assert one.estimate <= one.high * (1 + 1e-9)
    assert one.estimate * other.estimate == pytest.approx(1)
    assert one.low * other.high == pytest.approx(1)
    assert 0 <= one.confidence <= 1


def test_ratios_that_no_float_holds_are_told_as_very_large_ones():
    tiny, huge = [1e-320] * 8, [1e308] * 8
    assert ratio_of(huge, tiny, 0.05).estimate == pytest.approx(1e6)
    assert ratio_of(tiny, huge, 0.05).estimate == pytest.approx(1e-6)
    changed = {("machine", "spin"): 1e-320, ("enum", "CPU of an answer"): 1e308}
    assert compare(results.result(changed=changed), results.result()).tolerance == pytest.approx(1e6, rel=1e-3)


def test_the_interval_holds_the_ratio_as_often_as_it_says(seed):
    random = np.random.default_rng(seed)
    held = 0
    for _ in range(500):
        now, then = 2 * np.exp(random.normal(size=(2, 7)) * 0.2) * [[1], [0.5]]
        ratio = ratio_of(now.tolist(), then.tolist(), 0.05)
        held += ratio.low <= 2 <= ratio.high
    assert held / 500 > 0.95 - 4 * np.sqrt(0.05 * 0.95 / 500)
