"""What is served is held against what a migration meant."""

import pytest

from portdip.exchange.changes import Operation
from portdip.porting import outbox
from portdip.porting.migration import ledger
from portdip.porting.migration.check import check
from tests.porting.migration.world import BLOCK, CENTRE, KINDS, kinds, merge, plan


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_done_is_found_as_the_plan_meant_it(world, tmp_path, kind):
    world.do(plan(*kinds(tmp_path)[kind], head="piece = 2"))
    findings = check(world.database, "m", CENTRE, world.runner.look())
    assert findings.compared >= 3
    assert findings.differences == []
    with world.database.reading() as connection:
        assert ledger.get(connection, "m").state == "verified"


def test_a_difference_is_told_and_explained_where_an_order_came_since(world):
    world.do(plan(merge()))
    with world.database.transaction() as tx:
        outbox.put(tx, [outbox.Change(Operation.PORT, "order-7", number=BLOCK + 10_001, carrier="THIRD")])
    with world.store.writer() as writer:
        writer.release(BLOCK + 10_002)
        writer.assign(BLOCK, BLOCK + 99, "OLD")
    findings = check(world.database, "m", CENTRE, world.runner.look())
    found = [
        (one.first - BLOCK, one.last, one.found and one.found.carrier, one.changed_by) for one in findings.differences
    ]
    assert found == [(10_001, None, "THIRD", "order-7"), (10_002, None, None, ""), (0, BLOCK + 99, "OLD", "")]
    assert len(findings.unexplained) == 2
