import numpy as np
import pytest

from portdip.capacity import queueing


def test_the_mean_wait_is_that_of_the_textbook():
    """M/M/1: W = S U / (1 - U). M/D/1: half of it."""
    assert queueing.mean_wait(2.0, 0.75) == pytest.approx(2.0 * 0.75 / 0.25)
    assert queueing.mean_wait(2.0, 0.75, variation=0.0) == pytest.approx(2.0 * 0.75 / 0.25 / 2)


@pytest.mark.parametrize("utilisation", [0.3, 0.6, 0.9])
def test_percentiles_are_those_of_a_simulated_queue(utilisation, seed):
    """Lindley's recursion: the next one waits for what is left of the one before."""
    random = np.random.default_rng(seed)
    count = 400_000
    services = random.exponential(1.0, count)
    gaps = random.exponential(1.0 / utilisation, count)
    steps = services[:-1] - gaps[1:]
    total = np.concatenate([[0.0], np.cumsum(steps)])
    waits = total - np.minimum.accumulate(total)
    for percent in (50.0, 90.0, 99.0):
        assert queueing.wait(percent, 1.0, utilisation) == pytest.approx(
            np.percentile(waits, percent), rel=0.2, abs=0.1
        )


def test_nobody_waits_where_nobody_else_asks():
    assert queueing.wait(99.9, 5.0, 0.0) == 0.0
    assert queueing.wait(50.0, 5.0, 0.4) == 0.0


def test_waiting_grows_without_bound_towards_full_use():
    waits = [queueing.wait(99.9, 5.0, used) for used in (0.5, 0.9, 0.99, 0.999)]
    assert waits == sorted(waits)
    assert waits[-1] > 100 * waits[0]
