"""A dry run tells exactly what a plan would change, and changes nothing."""

from collections import Counter

import pyarrow as pa
import pytest

from portdip.porting.migration.dry_run import DETAILS
from portdip.porting.migration.standing import Route
from portdip.porting.states import State
from tests.porting.migration.world import BLOCK, CENTRE, KINDS, kinds, merge, plan


def test_it_counts_by_route_before_and_after(world):
    (phase,) = world.runner.dry_run(plan(merge(how="per-number"))).phases
    old, other, new = Route("OLD", "0B17"), Route("OLD", "0B18"), Route("NEW", "0C00")
    assert phase.numbers == Counter({(other, new): 2})
    assert phase.in_ranges == Counter({(old, new): 10_000})
    assert (phase.changes, phase.pieces, phase.held_back, phase.faults) == (3, 1, 0, ())


def test_steps_are_worked_out_over_those_before_them(world):
    steps = [merge(), 'kind = "re-home"\ncarrier = "NEW"\nrouting_number = "0C00"\nto = "0D"\nhow = "per-number"']
    _, second = world.runner.dry_run(plan(*steps)).phases
    assert second.numbers == Counter({(Route("NEW", "0C00"), Route("NEW", "0D")): 2})


@pytest.mark.parametrize("kind", KINDS)
def test_it_tells_every_alteration_that_is_made_then(world, tmp_path, kind):
    meant: list[pa.RecordBatch] = []
    made = plan(*kinds(tmp_path)[kind])
    before = world.state()
    report = world.runner.dry_run(made, meant.append)
    assert world.state() == before
    world.runner.begin(made, CENTRE, expected=report.digest)
    world.runner.run("m", CENTRE)
    numbers = dict(before[0])
    for row in pa.Table.from_batches(meant, DETAILS).to_pylist():
        if row["last"] is None:
            numbers[row["first"] - BLOCK] = row["to_carrier"] and (row["to_carrier"], row["to_routing_number"])
    assert world.numbers() == {number: route for number, route in numbers.items() if route}


def test_numbers_with_an_open_order_are_told_apart(world):
    world.order(10_001, State.SUBMITTED)
    (phase,) = world.runner.dry_run(plan(merge(how="per-number"))).phases
    assert (phase.held_back, phase.changes) == (1, 2)


def test_a_route_that_the_plan_forgets_is_a_fault(world):
    step = 'kind = "merge"\ncarrier = "OLD"\ninto = "NEW"\nrouting_numbers = { "0B17" = "0C17" }'
    report = world.runner.dry_run(plan(step))
    assert report.faults == ["step 1 (merge): the plan says no new routing number for OLD by 0B18"]


def test_slots_are_counted(world):
    slots = '[slots]\nbegin = "01:00"\nend = "05:00"\nnumbers_max = 2'
    (phase,) = world.runner.dry_run(plan(merge(how="per-number"), head=slots)).phases
    assert phase.slots == 2
