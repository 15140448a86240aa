"""What is rendered once: what is kept from generation to generation, what is refused, and how deep the zone is."""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip.access import _enum, enum_depths
from portdip.access.enum_tables import ANSWER, RECORD, RECORDS_MAX, EnumTables, Zone, name_bytes
from portdip.errors import SettingsError
from portdip.index import LiveIndex, Overlay
from portdip.lookup.engine import Engine, open_engine
from portdip.lookup.generation import Generation
from portdip.lookup.load import init_store, write_image
from portdip.route import Carrier, Route
from portdip.settings.access import Enum, Profile, Record
from portdip.table.store import Store
from tests.access.enum_zones import SETTINGS

numbers = st.integers(1, 15).flatmap(lambda digits: st.integers(10 ** (digits - 1), 10**digits - 1))


@pytest.fixture
def store(tmp_path) -> Store:
    store = init_store(tmp_path / "store", "test")
    with store.writer() as writer:
        writer.port(8613800138000, "CU", "D002")
        writer.assign(85290000000, 85299999999, "CM")
    return store


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> Engine:
    return open_engine(init_store(tmp_path_factory.mktemp("empty") / "store", "test").path)


@pytest.fixture
def engine(store) -> Engine:
    return open_engine(store.path)


def fold(store: Store) -> None:
    with store.fold(datetime.now(UTC)) as draft:
        assert draft is not None
        write_image(draft)


def test_the_layouts_are_those_of_c():
    assert (RECORD.itemsize, ANSWER.itemsize) == (20, 12)
    assert RECORD.fields is not None
    assert [offset for _, offset in RECORD.fields.values()] == [0, 4, 6, 7, 8, 10]


def test_what_is_rendered_is_kept_while_routes_and_settings_are(store, engine):
    before = EnumTables.of(engine.generation, SETTINGS)
    with store.writer() as writer:
        writer.port(8613800138001, "CU", "D002")
    engine.refresh()
    same = EnumTables.of(engine.generation, SETTINGS, before)
    assert same.answers is before.answers
    assert same.zone is before.zone
    with store.writer() as writer:
        writer.port(8613800138002, "CT", "D003")
    engine.refresh()
    more = EnumTables.of(engine.generation, SETTINGS, same)
    assert more.answers is not before.answers
    assert more.zone is before.zone
    others = EnumTables.of(engine.generation, Enum(), more)
    assert others.answers is not more.answers
    assert others.profiles == ("default",)


def test_new_routes_are_added_to_what_was_rendered_and_others_render_anew(engine):
    carriers = [Carrier(name) for name in ("CM", "CU", "CT")]
    routes = {code: Route(code, carriers[code % 3], f"D{code}") for code in range(1, 40)}
    few = {code: route for code, route in routes.items() if code < 30}
    whole = said(replace(engine.generation, routes=routes))
    before = EnumTables.of(replace(engine.generation, routes=few), SETTINGS)
    assert said(replace(engine.generation, routes=routes), before) == whole
    renamed = few | {3: Route(3, carriers[0], "other")}
    before = EnumTables.of(replace(engine.generation, routes=renamed), SETTINGS)
    assert said(replace(engine.generation, routes=routes), before) == whole
    assert said(replace(engine.generation, routes=few)) == {key: whole[key] for key in whole if key[1] < 30}


def said(generation: Generation, before: EnumTables | None = None) -> dict[tuple[int, int, int], list[bytes]]:
    """The text of each record, by profile, code and whether a number is ported."""
    found = EnumTables.of(generation, SETTINGS, before).answers
    texts = {}
    for place in np.ndindex(found.answers.shape):
        answer = found.answers[place]
        records = found.records[answer["first"] : answer["first"] + answer["count"]]
        texts[place] = [found.text[record["text"] : record["text"] + record["parts"].sum()] for record in records]
        assert sum(map(len, texts[place])) == answer["length"]
    return texts


def test_depths_follow_the_changes_and_the_snapshots(store, engine):
    tables = EnumTables.of(engine.generation, SETTINGS)

    def deep(*prefixes: int) -> list[int]:
        return [int(tables.depths[prefix]) for prefix in prefixes]

    assert deep(8, 86, 861, 85, 852, 853, 1, 12) == [13, 13, 13, 11, 11, 0, 0, 0]
    with store.writer() as writer:
        writer.port(120255512345, "CU", "D002")
        writer.port(12, "CU", "D002")
    engine.refresh()
    tables = EnumTables.of(engine.generation, SETTINGS, tables)
    assert deep(1, 12, 120, 121) == [12, 12, 12, 0]
    fold(store)
    engine.refresh()
    folded = EnumTables.of(engine.generation, SETTINGS, tables)
    assert folded.snapshot_depths is not tables.snapshot_depths
    assert folded.depths.tolist() == tables.depths.tolist()


def deepest(found: list[int], intervals: list[tuple[int, int]]) -> list[int]:
    """The depths of numbers and ranges, one prefix after the other."""
    intervals = intervals + [(number, number) for number in found]
    return [
        max((_deepest(prefix, *interval) for interval in intervals), default=0) if prefix else 0
        for prefix in range(enum_depths.PREFIXES)
    ]


def _deepest(prefix: int, first: int, last: int) -> int:
    """The digits of the interval's numbers, 0 if none of them begins with the prefix."""
    spare = len(str(first)) - len(str(prefix))
    return len(str(first)) if spare >= 0 and first // 10**spare <= prefix <= last // 10**spare else 0


intervals = st.tuples(numbers, st.integers(0, 10**14)).map(
    lambda drawn: (drawn[0], min(sum(drawn), 10 ** len(str(drawn[0])) - 1))
)


@given(st.lists(numbers, max_size=12), st.lists(intervals, max_size=6))
def test_a_depth_is_the_length_of_the_longest_number_with_these_digits(empty, found, ranges):
    overlay = Overlay().with_entries(*_columns((np.uint64, found)), *_places(found))
    overlay = overlay.with_ranges(*_columns(*((np.uint64, ends) for ends in _ends(ranges))), *_places(ranges))
    generation = replace(empty.generation, index=LiveIndex(empty.index.base, overlay))
    assert EnumTables.of(generation, Enum()).depths.tolist() == deepest(found, ranges)


def _columns(*columns: tuple[type, list[int]]) -> list[np.ndarray]:
    return [np.array(values, kind) for kind, values in columns]


def _places(rows: list) -> list[np.ndarray]:
    """Codes and ordinals of so many rows."""
    return [np.ones(len(rows), np.uint16), np.arange(1, len(rows) + 1, dtype=np.uint32)]


def _ends(ranges: list[tuple[int, int]]) -> list[list[int]]:
    return [[first for first, _ in ranges], [last for _, last in ranges]]


def test_a_snapshot_is_as_deep_as_its_numbers_and_ranges(store, seed):
    chosen = random.Random(seed)
    found = [chosen.randrange(10 ** (digits - 1), 10**digits) for digits in chosen.choices(range(1, 16), k=40)]
    ranges = [(first * 10**9, first * 10**9 + 5 * 10**8) for first in chosen.sample(range(1000, 9999), 20)]
    with store.writer() as writer:
        for number in found:
            writer.port(number, "A", "1")
        for first, last in ranges:
            writer.assign(first, last, "B")
    fold(store)
    depths = EnumTables.of(open_engine(store.path).generation, Enum()).depths
    assert depths.tolist() == deepest([*found, 8613800138000], [*ranges, (85290000000, 85299999999)])


@given(st.lists(numbers, max_size=30))
def test_deepening_is_what_it_says(found):
    depths = np.zeros(enum_depths.PREFIXES, np.uint8)
    _enum.deepen(depths, np.array(found, np.uint64))
    expected: dict[int, int] = {}
    for number in found:
        prefix = int(str(number)[:3])
        expected[prefix] = max(expected.get(prefix, 0), len(str(number)))
    assert {prefix: depths[prefix] for prefix in np.flatnonzero(depths).tolist()} == expected


def test_depths_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="shape"):
        _enum.deepen(np.zeros(999, np.uint8), np.zeros(1, np.uint64))


def test_a_zone_in_bytes():
    zone = Zone.of(Enum(apex="2.5.8.E164.arpa", ttl=1, negative_ttl=2, name_server="a.b.", contact="c"))
    assert zone.apex == b"\x012\x015\x018\x04e164\x04arpa\0"
    assert zone.apex[zone.tail :] == b"\x04e164\x04arpa\0"
    assert zone.ns == bytes.fromhex("0002 0001 00000001 0005 0161 0162 00")
    half = len(zone.soa) // 2
    assert zone.soa[:half] == bytes.fromhex(
        "0006 0001 00000001 001c 0161 0162 00 0163 00 00000000 00000e10 00000258 00015180 00000002"
    )
    assert zone.soa[half:] == zone.soa[:4] + b"\0\0\0\2" + zone.soa[8:half]
    assert zone.soa[zone.serial_at :].startswith(b"\0\0\0\0\0\0\x0e\x10")


@pytest.mark.parametrize("name", ["", ".", "a..b", "a b", "-a", "é", "a" * 64, ".".join(["a" * 63] * 4)])
def test_what_is_no_domain_name_is_refused_with_its_setting(name):
    with pytest.raises(SettingsError, match=r"at setting"):
        name_bytes(name, "setting")


def test_a_profile_that_cannot_be_rendered_is_refused_with_its_place(engine):
    broken = Enum(profiles={"x": Profile(native=(Record(uri="tel:{rm}"),))})
    with pytest.raises(SettingsError, match=r"access\.enum_zone\.profiles\.x\.native\.0\.uri"):
        EnumTables.of(engine.generation, broken)
    many = Enum(profiles={"x": Profile(native=(Record(uri="tel:1"),) * (RECORDS_MAX + 1))})
    with pytest.raises(SettingsError, match="too many records"):
        EnumTables.of(engine.generation, many)


def test_tables_stay_alive_as_long_as_their_responder(engine):
    tables = EnumTables.of(engine.generation, Enum())
    count = sys.getrefcount(tables)
    responder = _enum.EnumResponder(engine.generation, tables)
    assert sys.getrefcount(tables) == count + 1
    del responder
    assert sys.getrefcount(tables) == count
