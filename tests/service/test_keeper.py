"""What the keeper does at each look, with an engine that is none."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from portdip.access.counters import Counters
from portdip.errors import SettingsError
from portdip.service import keeper, log
from portdip.service.keeper import Keeper


@dataclass
class Generation:
    sequence: int
    as_of: datetime = datetime(2026, 1, 2, tzinfo=UTC)


@dataclass
class Engine:
    generation: Generation
    lag: float = 0.0
    trouble: Exception | None = None


@pytest.fixture
def engine():
    return Engine(Generation(1))


@pytest.fixture
def counters():
    return Counters(workers=2)


@pytest.fixture
def said(monkeypatch):
    lines = []
    monkeypatch.setattr(log, "say", lambda event, **facts: lines.append((event, facts)))
    monkeypatch.setattr(keeper, "_LAG_SECONDS", 0)
    monkeypatch.setattr(keeper, "_SAY_SECONDS", 0)
    monkeypatch.setattr(keeper, "_AGAIN_SECONDS", 0)
    return lines


def keeping(engine, counters, renew=lambda _: None, set_down=lambda _: None) -> Keeper:
    return Keeper(engine, counters, 1, 300, engine.generation, renew, set_down)


def test_each_generation_is_rendered_once(engine, counters, said):
    renewed = []
    watching = keeping(engine, counters, renewed.append)
    for sequence in (1, 2, 2, 3):
        if sequence != engine.generation.sequence:
            engine.generation = Generation(sequence)
        watching.look()
    assert [generation.sequence for generation in renewed] == [2, 3]


def test_it_says_how_the_worker_is(engine, counters, said):
    watching = keeping(engine, counters)
    watching.is_ready = True
    engine.lag = 1.25
    watching.look()
    ((row, state),) = counters.present()
    assert (row, state.ready, state.sequence, state.lag) == (1, 1, 1, 1250)
    assert state.as_of == 1_767_312_000_000_000
    assert state.heartbeat >= state.started > 0


def test_a_generation_that_cannot_be_rendered_is_not_shown_and_tried_again(engine, counters, said):
    tries = []

    def renew(generation):
        tries.append(generation)
        if len(tries) < 3:
            raise SettingsError("no such carrier")

    watching = keeping(engine, counters, renew)
    engine.generation = Generation(2)
    for _ in range(4):
        watching.look()
        assert counters.state(1).sequence == (1 if len(tries) < 3 else 2)
    assert len(tries) == 3
    assert [facts["why"] for _, facts in said] == ["no such carrier"]


def test_it_is_down_beyond_the_limit_only(engine, counters, said):
    told = []
    watching = keeping(engine, counters, set_down=told.append)
    for lag in (0, 300, 301, 1000, 300, 0):
        engine.lag = lag
        watching.look()
    assert told == [True, False]
    assert not watching.is_down


def test_the_trouble_of_the_engine_is_told_once(engine, counters, said):
    watching = keeping(engine, counters)
    for trouble in (OSError("gone"), OSError("gone"), None, OSError("gone")):
        engine.trouble = trouble
        watching.look()
    assert len(said) == 2
