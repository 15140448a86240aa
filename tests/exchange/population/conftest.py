import dataclasses

import numpy as np
import pytest

from portdip.exchange import population
from portdip.exchange.population import Plan
from portdip.exchange.population.numbering_plan import BLOCK


@pytest.fixture(scope="session")
def cn() -> Plan:
    return population.plan("cn")


@pytest.fixture(scope="session")
def nanp() -> Plan:
    return population.plan("nanp")


@pytest.fixture(scope="session", params=["cn", "nanp"])
def plan(request) -> Plan:
    """A few dozen blocks of each plan, from places with several holders."""
    whole = request.getfixturevalue(request.param)
    part = slice(250_000, 250_040) if request.param == "nanp" else slice(380_000, None, 2_500)
    first = whole.first[part]
    return dataclasses.replace(
        whole,
        first=first,
        area=whole.area[part],
        weight=whole.weight[part],
        home=whole.home[part],
        ranges=whole.ranges[np.isin(whole.ranges[:, 0] // BLOCK, first // BLOCK)],
    )
