import dataclasses
import os

import pytest

from portdip.capacity import result
from portdip.capacity.evidence import Evidence
from portdip.capacity.plan import plan
from portdip.capacity.suite import running
from portdip.capacity.suite.running import QUICK
from portdip.capacity.traffic import profile
from portdip.errors import CapacityError

SMALL = dataclasses.replace(QUICK, sizes=(100_000,), rounds=1)


def unheard(what: str, share: float) -> None:
    pass


def test_the_whole_suite_runs_and_leaves_what_a_plan_needs_and_nothing_else(tmp_path):
    cores = os.sched_getaffinity(0)
    made = running.run(SMALL, 3, tmp_path, unheard)
    assert list(tmp_path.iterdir()) == []
    assert os.sched_getaffinity(0) == cores
    assert result.Result.model_validate_json(made.as_json()) == made
    assert {figure.group for figure in made.figures} == {
        "machine", "engine", "upkeep", "memory", "enum", "pdb", "http",
    }  # fmt: skip
    assert (made.sizes, made.seed, made.rounds) == ((100_000,), 3, 1)
    for protocol in ("enum", "pdb", "http", "engine"):
        inputs = profile(None, {"traffic": {"subscribers": 1e6}, "nodes": {"protocol": protocol}})
        assert plan(inputs, Evidence(made, is_reference=False))["nodes"].likely >= 2
    for protocol in ("enum", "pdb", "http"):
        assert made.find(protocol, "without an answer at 50 % load") is not None
        for what in ("p{} at 80 % load", "sent late, p{} at 80 % load", "p{} one at a time"):
            lower, higher, highest = (made.find(protocol, what.format(percent)).samples for percent in (50, 99, 99.9))
            assert all(one <= other for one, other in zip(lower, higher, strict=True))
            assert all(one <= other for one, other in zip(higher, highest, strict=True))


@pytest.mark.parametrize("size", [0, -5, 99_999, 10**12])
def test_sizes_that_cannot_be_meant_are_refused(tmp_path, size):
    with pytest.raises(CapacityError, match="no such size"):
        running.run(dataclasses.replace(SMALL, sizes=(size,)), 1, tmp_path, unheard)
    assert list(tmp_path.iterdir()) == []


def test_how_long_it_takes_is_told_before():
    assert QUICK.seconds_all < 40
    assert running.USUAL.seconds_all < 400
