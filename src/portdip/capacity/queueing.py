"""How long an answer waits at a load: the model, and what it leaves out.

Each worker is a queue of its own with one server: the kernel deals arrivals out by their source, so many sources make
the arrivals at a worker random (Poisson). For service times of mean S and squared coefficient of variation C, at a
utilisation U (Pollaczek and Khinchine):

    mean wait           W = S * U * (1 + C) / (2 * (1 - U))
    wait longer than t  P = U * exp(-t * U / W)

The second is exact for C = 1 (M/M/1), close for others. C is 1 here: a worker answers what has come in together, so
service comes in bursts.

A percentile of an answer's time is that percentile where nobody else asks, as measured, plus that percentile of the
wait: as if what is slow by itself had also waited longest. What takes the core away now and then (a host, interrupts,
the garbage collector) is in the first as far as one question after another meets it. Those who wait behind it are not
in the model, and on a shared machine they are most of a p99.9 measured at a load.
"""

from __future__ import annotations

import math

#: Squared coefficient of variation of the service time.
VARIATION = 1.0


def mean_wait(service: float, utilisation: float, variation: float = VARIATION) -> float:
    """The mean wait, in the unit of `service`; `utilisation` is at least 0 and below 1.

    >>> mean_wait(10.0, 0.5)
    10.0
    """
    return service * utilisation * (1 + variation) / (2 * (1 - utilisation))


def wait(percent: float, service: float, utilisation: float, variation: float = VARIATION) -> float:
    """What `percent` of the answers wait at most, in the unit of `service`; 0 where so many do not wait at all.

    >>> wait(40.0, 10.0, 0.5)
    0.0
    >>> round(wait(99.0, 10.0, 0.5), 1)  # 10 / (1 - 0.5) * ln(0.5 / 0.01)
    78.2
    """
    beyond = 1 - percent / 100
    if utilisation <= beyond:
        return 0.0
    return mean_wait(service, utilisation, variation) / utilisation * math.log(utilisation / beyond)
