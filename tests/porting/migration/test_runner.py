"""A migration is done piece by piece, in its slots, and goes on where it stopped."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from portdip.errors import MigrationError
from portdip.exchange.changes import Operation
from portdip.porting import outbox
from portdip.porting.actor import Actor, Role
from portdip.porting.migration import ledger
from portdip.porting.migration.check import check
from portdip.porting.migration.runner import Runner
from portdip.porting.migration.undo import Undoing
from portdip.porting.tables.audit import AUDIT
from portdip.porting.tables.ranges import RANGES
from tests.porting.migration.world import BLOCK, CENTRE, merge, plan

MERGED = {1: ("NEW", "0C17"), 2: ("NEW", "0C17"), 3: ("NEW", "0C17"), 10_001: ("NEW", "0C00"), 10_002: ("NEW", "0C00")}
MERGED_RANGES = [(0, 9_999, "NEW", "0C00"), (10_000, 19_999, "NEW", "0C17")]


@pytest.mark.parametrize(("how", "rows"), [("mass", 1), ("per-number", 3)])
def test_a_merger_moves_numbers_and_ranges_of_the_carrier(world, how, rows):
    world.do(plan(merge(how=how)))
    assert world.numbers() == {**MERGED, 10_003: ("THIRD", "")}
    assert world.ranges() == MERGED_RANGES
    assert len(world.published()) == rows


@pytest.mark.parametrize("how", ["mass", "per-number"])
def test_a_merger_maps_routing_numbers_one_by_one(world, how):
    step = merge(how=how) + '\nrouting_numbers = { "0B18" = "0c18" }'
    world.do(plan(step))
    assert world.numbers()[10_001] == ("NEW", "0C18")
    assert world.ranges()[0] == (0, 9_999, "NEW", "0C00")


@pytest.mark.parametrize("how", ["mass", "per-number"])
def test_a_route_gets_another_routing_number_in_an_interval_only(world, how):
    world.do(
        plan(
            f'kind = "re-home"\ncarrier = "NEW"\nrouting_number = "0C17"\nto = "0D"\nhow = "{how}"\n'
            f"first = {BLOCK + 2}\nlast = {BLOCK + 14_999}"
        )
    )
    assert world.numbers()[1] == ("NEW", "0C17")
    assert world.numbers()[2] == world.numbers()[3] == ("NEW", "0D")
    assert world.ranges() == [
        (0, 9_999, "OLD", "0B17"),
        (10_000, 14_999, "NEW", "0D"),
        (15_000, 19_999, "NEW", "0C17"),
    ]


def test_renumbering_keeps_old_and_new_numbers_side_by_side_until_the_old_ones_end(world):
    until = world.clock.now() + timedelta(days=30)
    world.runner.begin(
        plan(
            f'kind = "renumber"\nfirst = {BLOCK}\nlast = {BLOCK + 9_999}\nto = {BLOCK + 50_000}\n'
            f"old_until = {until.isoformat()}"
        ),
        CENTRE,
    )
    progress = world.runner.run("m", CENTRE)
    assert progress.waits_until == until
    assert world.numbers()[2] == world.numbers()[50_002] == ("NEW", "0C17")
    assert (50_000, 59_999, "OLD", "0B17") in world.ranges()
    assert (0, 9_999, "OLD", "0B17") in world.ranges()
    world.clock.set(until)
    assert world.runner.run("m", CENTRE).migration.state == "done"
    assert sorted(world.numbers()) == [10_001, 10_002, 10_003, 50_001, 50_002, 50_003]
    assert world.ranges() == [(10_000, 19_999, "NEW", "0C17"), (50_000, 59_999, "OLD", "0B17")]


def test_renumbering_into_numbers_that_are_served_is_refused(world):
    step = f'kind = "renumber"\nfirst = {BLOCK}\nlast = {BLOCK + 9_999}\nto = {BLOCK + 10_000}'
    with pytest.raises(MigrationError, match="served already"):
        world.runner.begin(plan(step), CENTRE)


def test_another_database_is_taken_over(world, tmp_path):
    theirs = tmp_path / "theirs.csv"
    theirs.write_text(
        f"number,carrier,routing_number\n{BLOCK + 1},X,0E\n{BLOCK + 10_001},OLD,0B18\n{BLOCK + 7},NEW,0C17\n"
    )
    before = world.ranges()
    world.do(
        plan(f'kind = "take-over"\nfeed = "csv"\nfiles = ["{theirs}"]\ncarriers = {{ X = "THIRD" }}\nwithin = "86138"')
    )
    assert world.numbers() == {
        1: ("THIRD", "0E"),
        2: ("NEW", "0C17"),
        3: ("NEW", "0C17"),
        7: ("NEW", "0C17"),
        10_001: ("OLD", "0B18"),
        10_002: ("OLD", "0B18"),
        10_003: ("THIRD", ""),
    }
    assert world.ranges() == before
    donors = {row["number"] - BLOCK: row["donor"] for row in world.published()}
    assert donors == {1: "NEW", 7: "OLD"}  # who served them: an entry, and a range


def test_a_database_taken_over_whole_leaves_nothing_that_it_does_not_have(world, tmp_path):
    numbers, ranges = tmp_path / "numbers.csv", tmp_path / "ranges.csv"
    numbers.write_text(f"number,carrier\n{BLOCK + 1},NEW\n49301234567,DE\n")
    ranges.write_text(f"first,last,carrier\n{BLOCK + 5_000},{BLOCK + 24_999},NEW\n")
    world.do(
        plan(
            f'kind = "take-over"\nfeed = "csv"\nfiles = ["{numbers}", "{ranges}"]\nwithin = "86"\nwhole = true',
        )
    )
    assert world.numbers() == {1: ("NEW", "")}
    assert world.ranges() == [(5_000, 24_999, "NEW", "")]


def test_a_number_twice_in_the_other_database_is_refused(world, tmp_path):
    theirs = tmp_path / "theirs.csv"
    theirs.write_text(f"number,carrier\n{BLOCK + 1},X\n{BLOCK + 1},Y\n")
    with pytest.raises(MigrationError, match="1 numbers are in the other database twice"):
        world.runner.begin(plan(f'kind = "take-over"\nfeed = "csv"\nfiles = ["{theirs}"]'), CENTRE)


def test_pieces_are_no_larger_than_the_plan_says(world):
    world.do(plan(merge(how="per-number"), head="piece = 1"))
    with world.database.reading() as connection:
        assert [piece.rows for piece in ledger.pieces(connection, "m")] == [1, 1, 1]
    assert [row["order"] for row in world.published()] == [
        "migration m 1.1.1",
        "migration m 1.1.2",
        "migration m 1.1.3",
    ]


def test_a_run_that_is_stopped_goes_on_where_it_was(world):
    world.runner.begin(plan(merge(how="per-number"), head="piece = 1"), CENTRE)
    for _ in range(10):
        calls = iter([False, True])
        if world.runner.run("m", CENTRE, lambda: next(calls)).migration.state == "done":  # noqa: B023
            break
    assert world.numbers() == {**MERGED, 10_003: ("THIRD", "")}
    assert world.ranges() == MERGED_RANGES
    assert len(world.published()) == 3


def test_pieces_are_published_in_slots_only_and_so_many_a_slot(world):
    slots = '[slots]\nbegin = "01:00"\nend = "05:00"\nzone = "Asia/Shanghai"\nnumbers_max = 2\ndays_off = [2026-12-03]'
    world.runner.begin(plan(merge(how="per-number"), head=slots), CENTRE)
    waits = []
    while (progress := world.runner.run("m", CENTRE)).waits_until:
        waits.append((progress.waits_until.isoformat(), progress.altered))
        world.clock.set(progress.waits_until)
    assert waits == [("2026-12-02T01:00:00+08:00", 0), ("2026-12-04T01:00:00+08:00", 2)]
    assert world.ranges() == MERGED_RANGES


def test_what_others_change_meanwhile_is_looked_at_again(world):
    """An order cuts over between the look at the table and the piece: the number goes where the order says."""
    runner = Runner(world.database, world.publisher.step, world.table)
    runner.begin(plan(merge(how="per-number")), CENTRE)
    tables = iter([True])

    def read():
        table = world.table()
        if next(tables, False):
            with world.database.transaction() as tx:
                change = outbox.Change(Operation.PORT, "an order", number=BLOCK + 10_001, carrier="THIRD")
                outbox.put(tx, [change])
        return table

    meanwhile = Runner(world.database, world.publisher.step, read)
    assert meanwhile.run("m", CENTRE).migration.state == "done"
    assert world.numbers()[10_001] == ("THIRD", "")
    assert world.numbers()[10_002] == ("NEW", "0C00")


def test_who_is_ported_to_the_old_route_before_a_mass_change_comes_back_with_the_others(world):
    """The mass change moves it, too, though it was not there at the look; so undoing has to know of it."""
    offsets = iter([10_500])

    def read():
        table = world.table()
        for offset in offsets:
            with world.database.transaction() as tx:
                change = outbox.Change(Operation.PORT, "an order", number=BLOCK + offset, carrier="OLD")
                outbox.put(tx, [change])
        return table

    plain = world.runner
    plain.begin(plan(merge()), CENTRE)
    assert Runner(world.database, world.publisher.step, read).run("m", CENTRE).migration.state == "done"
    assert world.numbers()[10_500] == ("NEW", "0C00")
    assert Undoing(world.database, plain, world.publisher.step).undo("m", CENTRE, "").left_alone == 0
    assert world.numbers()[10_500] == ("OLD", "")


def test_two_that_run_one_migration_stop_each_other(world):
    world.runner.begin(plan(merge(how="per-number"), head="piece = 1"), CENTRE)
    other = Runner(world.database, world.publisher.step, world.table)
    turns = iter([True])

    def let_the_other_go_first() -> bool:
        if next(turns, False):
            other.run("m", CENTRE)
        return False

    with pytest.raises(MigrationError, match="another process"):
        world.runner.run("m", CENTRE, let_the_other_go_first)
    assert world.numbers() == {**MERGED, 10_003: ("THIRD", "")}


def test_the_register_of_ranges_follows(world):
    with world.database.transaction() as tx:
        row = {
            "first": BLOCK - 10,
            "last": BLOCK + 9_999,
            "state": "assigned",
            "carrier": "OLD",
            "changed": tx.now,
            "routing_number": "0B17",
        }
        tx.connection.execute(RANGES.insert().values(row))
    world.do(plan(merge()))
    with world.database.reading() as connection:
        rows = connection.execute(
            select(RANGES.c.first, RANGES.c.last, RANGES.c.carrier).order_by(RANGES.c.first)
        ).all()
    assert [tuple(row) for row in rows] == [(BLOCK - 10, BLOCK - 1, "OLD"), (BLOCK, BLOCK + 9_999, "NEW")]


def test_every_step_is_in_the_audit_chain(world):
    world.do(plan(merge()))
    with world.database.reading() as connection:
        acts = [row.act for row in connection.execute(select(AUDIT.c.act).order_by(AUDIT.c.sequence))]
    assert acts == ["migration begin", "migrate", "migration phase done"]


@pytest.mark.parametrize("role", [Role.DESK, Role.DONOR, Role.RECIPIENT, Role.RANGE_HOLDER])
def test_carriers_may_not_migrate(world, role):
    with pytest.raises(MigrationError, match="not yours"):
        world.runner.begin(plan(merge()), Actor("somebody", role, "NEW"))


def test_a_name_is_used_once(world):
    world.do(plan(merge()))
    with pytest.raises(MigrationError, match="of this name"):
        world.runner.begin(plan(merge()), CENTRE)


def test_what_was_not_in_the_dry_run_is_not_begun(world):
    expected = world.runner.dry_run(plan(merge())).digest
    with world.store.writer() as writer:
        writer.port(BLOCK + 77, "THIRD")
        writer.port(BLOCK + 10_777, "OLD", "0B18")
    with pytest.raises(MigrationError, match="something else now"):
        world.runner.begin(plan(merge()), CENTRE, expected=expected)
    world.runner.begin(plan(merge()), CENTRE, expected=world.runner.dry_run(plan(merge())).digest)


class InterruptedRunError(Exception):
    """The process is gone."""


@pytest.mark.parametrize("how", ["mass", "per-number"])
def test_wherever_it_is_interrupted_it_comes_to_the_same_end(world, how):
    """At each call of the publisher, before it did anything and after: nothing is lost, nothing said twice."""
    calls = iter(range(100))
    deaths = {1: "before", 2: "after", 4: "before", 6: "after", 8: "before", 11: "after"}

    def publish():
        death = deaths.get(next(calls))
        if death == "before":
            raise InterruptedRunError
        world.publisher.step()
        if death == "after":
            raise InterruptedRunError

    runner = Runner(world.database, publish, world.table)
    while True:
        try:
            with world.database.reading() as connection:
                begun = ledger.find(connection, "m")
            if begun is None:
                runner.begin(plan(merge(how=how), head="piece = 1"), CENTRE)
            if runner.run("m", CENTRE).migration.state == "done":
                break
        except InterruptedRunError:
            continue
    assert world.numbers() == {**MERGED, 10_003: ("THIRD", "")}
    assert world.ranges() == MERGED_RANGES
    assert len(world.published()) == (1 if how == "mass" else 3)


def test_orders_that_cut_over_during_a_migration_keep_their_word(world):
    """Another thread ports numbers while the pieces are done: where an order says the number is, it stays."""
    with world.store.writer() as writer:
        writer.port(BLOCK + 30_000, "OLD", "0B18", last=BLOCK + 30_099)
    ported = list(range(30_000, 30_100, 5))

    def port_some():
        for offset in ported:
            with world.database.transaction() as tx:
                change = outbox.Change(Operation.PORT, f"order-{offset}", number=BLOCK + offset, carrier="THIRD")
                outbox.put(tx, [change])

    world.runner.begin(plan(merge(how="per-number"), head="piece = 7"), CENTRE)
    with ThreadPoolExecutor(1) as others:
        porting = others.submit(port_some)
        assert world.runner.run("m", CENTRE).migration.state == "done"
        porting.result()
    world.publisher.step()
    numbers = world.numbers()
    assert {numbers[offset] for offset in ported} == {("THIRD", "")}
    assert {numbers[offset] for offset in range(30_000, 30_100) if offset not in ported} == {("NEW", "0C00")}
    findings = check(world.database, "m", CENTRE, world.runner.look())
    assert findings.unexplained == []
