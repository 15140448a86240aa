"""A state of a store opened again: whatever has come since, the answers stay; and where it is gone, that is said."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from portdip import files
from portdip.errors import StoreError
from portdip.lookup.engine import open_engine
from portdip.lookup.pinned import Pin, open_pinned
from portdip.route import Status

NUMBER = 8613800138000


@pytest.fixture
def pin(fresh, publish) -> Pin:
    publish(lambda writer: writer.assign(NUMBER, NUMBER + 999, "A"))
    publish(lambda writer: writer.port(NUMBER, "B"))
    return Pin.of(open_engine(fresh.path).generation)


def test_a_pin_goes_through_json(pin):
    assert Pin.parse(json.loads(json.dumps(pin.as_json()))) == pin


def test_what_comes_later_is_not_in_it(fresh, publish, fold, pin):
    later = datetime.now(UTC) + timedelta(days=1)
    publish(lambda writer: writer.port(NUMBER, "C"))
    fold()
    publish(lambda writer: writer.port(NUMBER + 1, "C"))
    assert open_engine(fresh.path).dip(NUMBER).carrier.id == "C"
    engine = open_pinned(fresh.path, pin)
    assert (engine.dip(NUMBER).carrier.id, engine.dip(NUMBER + 1).status) == ("B", Status.NATIVE)
    assert (engine.sequence, engine.generation.digest, engine.refresh()) == (pin.sequence, pin.digest, False)
    assert engine.dip(NUMBER, at=later).carrier.id == "B"


def test_what_takes_effect_later_is_not_in_it(fresh, publish):
    soon = datetime.now(UTC) + timedelta(hours=1)
    publish(lambda writer: writer.port(NUMBER, "B", effective=soon))
    engine = open_engine(fresh.path)
    early = Pin.of(engine.generation)
    engine.refresh(soon)
    late = Pin.of(engine.generation)
    assert [open_pinned(fresh.path, each).dip(NUMBER).ported for each in (early, late)] == [False, True]


def test_a_state_that_is_gone_is_an_error_with_the_way_on(fresh, publish, fold, pin):
    publish(lambda writer: writer.port(NUMBER, "C"))
    fold()
    files.remove_directory(fresh.snapshot_path(pin.snapshot))
    with pytest.raises(StoreError, match=rf"sequence {pin.sequence} is no longer there.*anew"):
        open_pinned(fresh.path, pin)


def test_another_chain_is_not_taken_for_it(fresh, pin):
    with pytest.raises(StoreError, match="no longer there"):
        open_pinned(fresh.path, Pin(pin.dataset, pin.snapshot, pin.sequence, "00" * 32, pin.moment))
