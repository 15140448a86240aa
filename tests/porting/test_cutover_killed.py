"""Killed between any two statements or file calls of the cut-over, and gone on with: nothing lost, nothing twice."""

import random
import shutil
from collections import Counter
from pathlib import Path

import psycopg
import pytest

from portdip.exchange.changes import Operation
from portdip.porting import audit
from portdip.porting.actor import Actor, Role
from portdip.porting.database import Database
from portdip.porting.states import Act, State
from tests.porting import killed
from tests.porting.cutting import FIRST, Layer

#: One point in so many is tried where all would take too long.
_SHARE = 8


class Scene:
    """A layer in a directory, with all that can be under way at once; `work` brings it to its end."""

    def __init__(self, path, url):
        self.path = path
        self.url = url

    def layer(self, database):
        return Layer(database, self.path / "store")

    def prepare(self):
        self.path.mkdir()
        with Database.open(self.url) as database:
            layer = self.layer(database)
            layer.register("north", "south")
            layer.ported(1, 2)
            layer.scheduled(1, donor="CUCC", recipient="CTCC", routing_number="0C")
            layer.scheduled(3, 4)
            layer.scheduled(5, routing_number="not hex")
            with database.transaction() as tx:
                leaver = layer.orders.active_of(tx, FIRST + 2)
                recipient = Actor("desk", Role.RECIPIENT, "CUCC")
                leaver = layer.orders.move(tx, leaver, Act.RETURN, recipient, "subscriber left")
                layer.after.release(tx, leaver, recipient, "at once")

    def work(self):
        with Database.open(self.url) as database:
            layer = self.layer(database)
            layer.cut_over.step()
            layer.report("north")
            layer.report("south")
            layer.cut_over.step()

    def check(self):
        with Database.open(self.url) as database:
            layer = self.layer(database)
            with database.reading() as connection:
                states = Counter(
                    (order.number - FIRST, order.state)
                    for offset in range(1, 6)
                    for order in layer.orders.of_number(connection, FIRST + offset)
                )
            audit.verify(database)
            assert states == Counter(
                [
                    *((1, State.SUPERSEDED), (1, State.ACTIVE), (2, State.RETURNED)),
                    *((3, State.ACTIVE), (4, State.ACTIVE), (5, State.FAILED)),
                ]
            )
            changes = layer.changes()
            kinds = Counter((Operation(row["operation"]), row["number"] - FIRST, row["carrier"]) for row in changes)
            assert kinds == Counter(
                [
                    *((Operation.PORT, 1, "CUCC"), (Operation.PORT, 2, "CUCC"), (Operation.PORT, 1, "CTCC")),
                    *((Operation.RELEASE, 2, None), (Operation.PORT, 3, "CUCC"), (Operation.PORT, 4, "CUCC")),
                ]
            )
            versions = [row["version"] for row in changes]
            assert versions == sorted(set(versions))


class SQLiteScenes:
    """Scenes whose database is a file in their directory."""

    def __init__(self, path):
        self.path = path

    def new(self, name):
        path = self.path / name
        return Scene(path, f"sqlite:///{path / 'porting.db'}")

    def copy(self, scene, name):
        shutil.copytree(scene.path, self.path / name)
        return self.new(name)

    def remove(self, scene):
        shutil.rmtree(scene.path)


class PostgreSQLScenes:
    """Scenes whose databases are on a server."""

    def __init__(self, path, server):
        self.path = path
        self.server = server

    def execute(self, statement):
        with psycopg.connect(self.server.replace("/NAME", "/postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def new(self, name):
        self.execute(f"CREATE DATABASE killed_{name}")
        return self.at(name)

    def at(self, name):
        return Scene(self.path / name, self.server.replace("/NAME", f"/killed_{name}"))

    def copy(self, scene, name):
        shutil.copytree(scene.path, self.path / name)
        self.execute(f"CREATE DATABASE killed_{name} TEMPLATE killed_{scene.path.name}")
        return self.at(name)

    def remove(self, scene):
        shutil.rmtree(scene.path)
        self.execute(f"DROP DATABASE killed_{Path(scene.path).name} WITH (FORCE)")


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.system("pg_ctlcluster", "postgresql"))],
)
def scenes(request, tmp_path):
    if request.param == "sqlite":
        yield SQLiteScenes(tmp_path)
        return
    made = PostgreSQLScenes(tmp_path, request.getfixturevalue("postgresql_server"))
    yield made
    for path in tmp_path.iterdir():
        made.execute(f"DROP DATABASE IF EXISTS killed_{path.name} WITH (FORCE)")


def kill_everywhere(scenes, chance, share):
    prepared = scenes.new("prepared")
    prepared.prepare()
    counted = scenes.copy(prepared, "counted")
    count = killed.points(counted.work, counted.path)
    counted.check()
    assert count > 100
    first = chance.randrange(share)
    for at in range(1 + first, count + 1, share):
        scene = scenes.copy(prepared, f"at_{at}")
        where = killed.kill(scene.work, scene.path, at)
        try:
            scene.work()
            scene.check()
        except Exception as error:
            raise AssertionError(f"point {at} of {count}, {where}: {error}") from error
        scenes.remove(scene)


def test_no_kill_loses_a_port_or_publishes_it_twice(scenes, seed):
    kill_everywhere(scenes, random.Random(seed), _SHARE)


@pytest.mark.full
def test_no_kill_anywhere_loses_a_port_or_publishes_it_twice(scenes, seed):
    kill_everywhere(scenes, random.Random(seed), 1)
