import numpy as np
import pytest

import portdip
from portdip.capacity import machine
from portdip.capacity.suite import tables
from portdip.errors import CapacityError


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return tables.make(20_000, 7, tmp_path_factory.mktemp("tables"))


def test_the_store_answers_as_was_drawn(table):
    with portdip.open_engine(table.store) as engine:
        assert len(engine.index) == 20_000
        assert (engine.route_codes(table.numbers) > 0).all()


def test_half_of_the_questions_are_ported_and_the_others_lie_beside_them(table):
    with portdip.open_engine(table.store) as engine:
        statuses = [engine.dip(int(number)).status for number in table.asked[:2000].tolist()]
    assert statuses.count("ported") == pytest.approx(1000, abs=200)
    assert set(statuses) == {"ported", "native"}
    assert len(table.asked) == 40_000


def test_questions_are_the_same_for_the_same_seed():
    numbers = np.arange(10**10, 10**10 + 5000, 3, dtype=np.uint64)
    assert (tables.questions(numbers, 100, 1) == tables.questions(numbers, 100, 1)).all()
    assert (tables.questions(numbers, 100, 1) != tables.questions(numbers, 100, 2)).any()


def test_a_copy_is_another_store_with_the_same_numbers(table):
    copy = table.copy("other")
    with copy.writer() as writer:
        writer.release(int(table.numbers[0]))
    with portdip.open_engine(copy.path) as other, portdip.open_engine(table.store) as first:
        assert other.dip(int(table.numbers[0])).status != "ported"
        assert first.dip(int(table.numbers[0])).status == "ported"


def test_denser_blocks_take_fewer_bytes_a_number(tmp_path):
    thin, dense = (tables.bytes_per_number(share, 20_000, 1, tmp_path / "image") for share in (0.01, 0.16))
    assert thin > dense > 0.5
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("memory", "what"), [(10**6, "memory"), (0, "disk")])
def test_a_table_for_which_there_is_no_room_is_refused_before_it_is_made(monkeypatch, tmp_path, memory, what):
    monkeypatch.setattr(machine, "memory_available", lambda: memory)
    with pytest.raises(CapacityError, match="no room") as refused:
        tables.check_room(10**14, tmp_path)
    assert what in refused.value.expected
    assert list(tmp_path.iterdir()) == []
