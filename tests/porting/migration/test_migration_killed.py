"""A migration killed between any two statements or file calls, and gone on with: nothing lost, nothing twice."""

import random
import shutil

import pytest

from portdip.porting import audit
from portdip.porting.clock import VirtualClock
from portdip.porting.database import Database
from portdip.porting.migration import ledger
from portdip.porting.migration.check import check
from portdip.porting.states import State
from tests.porting import killed
from tests.porting.migration.world import CENTRE, START, World, merge, plan

RE_HOME = 'kind = "re-home"\ncarrier = "NEW"\nrouting_number = "0C00"\nto = "0D"\nhow = "mass"'
PLAN = plan(merge(how="per-number"), RE_HOME, head="piece = 2")
#: One point in so many is tried where all would take too long.
_SHARE = 24


class Scene:
    """A world in a directory; `work` migrates it by PLAN, `undo` brings it back."""

    def __init__(self, path):
        self.path = path

    def opened(self):
        return Database.open(f"sqlite:///{self.path}/porting.db", VirtualClock(START))

    def world(self, database):
        return World(self.path / "store", database, VirtualClock(START))

    def prepare(self):
        self.path.mkdir()
        with self.opened() as database:
            world = self.world(database)
            world.order(10_001, State.ACTIVE, recipient="OLD", routing_number="0B18", range_holder="NEW", donor="NEW")
            world.subscriber(5, "OLD")

    def work(self):
        with self.opened() as database:
            world = self.world(database)
            with database.reading() as connection:
                found = ledger.find(connection, "m")
            if found is None:
                world.runner.begin(PLAN, CENTRE)
            if found is None or found.state == "running":
                world.runner.run("m", CENTRE)

    def check(self):
        with self.opened() as database:
            world = self.world(database)
            world.publisher.step()
            assert world.numbers()[10_001] == world.numbers()[10_002] == ("NEW", "0D")
            assert world.ranges() == [(0, 9_999, "NEW", "0D"), (10_000, 19_999, "NEW", "0C17")]
            assert len(world.published()) == 4  # two numbers, a range, a mass change
            assert world.orders() == {10_001: ("NEW", "0D", "NEW")}
            assert world.subscribers() == {5: "NEW"}
            assert check(database, "m", CENTRE, world.runner.look()).differences == []
            audit.verify(database)

    def undo(self):
        with self.opened() as database:
            world = self.world(database)
            with database.reading() as connection:
                found = ledger.get(connection, "m")
            if found.state != "undone":
                world.undoing.undo("m", CENTRE, "killed")

    def check_undone(self):
        with self.opened() as database:
            world = self.world(database)
            world.publisher.step()
            assert {offset: world.numbers()[offset] for offset in (10_001, 10_002)} == {
                10_001: ("OLD", "0B18"),
                10_002: ("OLD", "0B18"),
            }
            assert world.ranges() == [(0, 9_999, "OLD", "0B17"), (10_000, 19_999, "NEW", "0C17")]
            assert world.orders() == {10_001: ("OLD", "0B18", "NEW")}
            assert world.subscribers() == {5: "OLD"}
            versions = [row["version"] for row in world.published()]
            assert versions == sorted(set(versions))
            audit.verify(database)


def kill_everywhere(path, prepared, act, hold, chance, share):
    def copy(name):
        shutil.copytree(prepared.path, path / name)
        return Scene(path / name)

    count = killed.points(getattr(copy("counted"), act), path / "counted")
    getattr(Scene(path / "counted"), hold)()
    assert count > 100
    for at in range(1 + chance.randrange(share), count + 1, share):
        scene = copy(f"at_{at}")
        where = killed.kill(getattr(scene, act), scene.path, at)
        try:
            getattr(scene, act)()
            getattr(scene, hold)()
        except Exception as error:
            raise AssertionError(f"point {at} of {count}, {where}: {error}") from error
        shutil.rmtree(scene.path)


@pytest.mark.parametrize("share", [_SHARE, pytest.param(1, marks=pytest.mark.full)])
def test_no_kill_loses_a_piece_or_does_it_twice(tmp_path, seed, share):
    prepared = Scene(tmp_path / "prepared")
    prepared.prepare()
    kill_everywhere(tmp_path, prepared, "work", "check", random.Random(seed), share)


@pytest.mark.parametrize("share", [_SHARE, pytest.param(1, marks=pytest.mark.full)])
def test_no_kill_leaves_anything_half_undone(tmp_path, seed, share):
    prepared = Scene(tmp_path / "prepared")
    prepared.prepare()
    prepared.work()
    kill_everywhere(tmp_path, prepared, "undo", "check_undone", random.Random(seed), share)
