"""A directory with a table: what is in it, what it answers, what changes make of it, and when there is none."""

import contextlib
import hashlib
import itertools
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portdip.batch.rebuild.rebuild import MANIFEST_FILE, Plan, rebuild
from portdip.errors import RebuildError, StoreError, TargetLimitError
from portdip.lookup.load import write_image
from portdip.table.store import Store
from tests.batch.rebuild import made

#: Numbers of five, six and seven digits under 86 and 49; they begin with one another at times.
DIGITS = st.sampled_from([5, 6, 7])
ROUTES = st.sampled_from(["A", "B;0", "B;1", "C;D2"])


@st.composite
def numbers(draw):
    digits = draw(DIGITS)
    return int(draw(st.sampled_from(["86", "49"])) + f"{draw(st.integers(0, 10 ** (digits - 2) - 1)):0{digits - 2}d}")


@st.composite
def intervals(draw):
    first = draw(numbers())
    last = first + draw(st.sampled_from([0, 1, 9, 99, 999]))
    return (first, last) if len(str(last)) == len(str(first)) else (first, first)


RANGES = st.lists(st.tuples(intervals(), ROUTES).map(lambda row: (*row[0], row[1])), max_size=6)
PORTS = st.lists(st.tuples(numbers(), ROUTES), max_size=20, unique_by=lambda row: row[0])


def edges(ranges, ports):
    """Every number where an answer may change, one on each side, and what those begin with or are beginnings of."""
    bounds = {bound for first, last, _ in ranges for bound in (first, last)} | {number for number, _ in ports}
    near = {bound + step for bound in bounds for step in (-1, 0, 1)}
    return near | {number // 10 for number in near} | {number * 10 + digit for number in near for digit in (0, 9)}


@contextlib.contextmanager
def not_for_prefixes():
    """What is told in the end whether a table was refused because its numbers are beginnings of one another."""
    refused = []
    try:
        yield refused
    except RebuildError as error:
        if "same digits" not in str(error) and "beginning of another" not in str(error):
            raise
        refused.append(error)


def not_asked(engine, number, ranges, ports):
    """Whether the number begins with one that has a route, or is the beginning of one."""
    digits = str(number)
    served = [*((first, last) for first, last, _ in ranges), *((ported, ported) for ported, _ in ports)]
    return any(engine.index[int(digits[:count])] for count in range(1, len(digits))) or any(
        first // 10**more <= number <= last // 10**more
        for first, last in served
        if (more := len(str(first)) - len(digits)) > 0
    )


@settings(max_examples=25)
@given(ranges=RANGES, ports=PORTS, nobody=st.sampled_from(["yes", "no"]), exact=st.booleans())
def test_a_table_answers_as_the_engine(tmp_path_factory, ranges, ports, nobody, exact):
    folder = tmp_path_factory.mktemp("rebuilt")
    store = made.store_of(folder / "store", ranges, ports)
    with not_for_prefixes() as refused:
        rebuild(store, folder / "out", Plan("csv", {"nobody": nobody}, exact=exact))
    if refused:
        return
    rules = made.read(folder / "out" / "rules.csv")
    ported = made.read_ported(folder / "out" / "rules.csv")
    engine = made.engine_of(store)
    asked = edges(ranges, ports)
    for number in asked:
        answer = made.of_engine(engine, number)
        if answer or not not_asked(engine, number, ranges, ports):
            assert made.longest(rules, number) == answer, number
            assert made.longest(ported, number) == (str(engine.dip(number).ported).lower() if answer else None), number


@settings(max_examples=25)
@given(
    ranges=RANGES, ports=PORTS, more_ranges=RANGES, more_ports=PORTS, released=st.lists(st.integers(0, 19), max_size=5),
    moved=st.booleans(), by_number=st.booleans(), exact=st.booleans(),
)  # fmt: skip
def test_a_table_and_its_changes_are_the_next_table(
    tmp_path_factory, ranges, ports, more_ranges, more_ports, released, moved, by_number, exact
):
    folder = tmp_path_factory.mktemp("rebuilt")
    store = made.store_of(folder / "store", ranges, ports)
    sequence = Store.open(store).chain.head.sequence
    plan = Plan("csv", {"nobody": "yes"}, exact=exact)
    with not_for_prefixes() as refused:
        rebuild(store, folder / "before", plan)
        gone = {ports[place][0] for place in released if place < len(ports)}
        made.changed(
            store,
            assign=[(first, last, *route.split(";")) for first, last, route in more_ranges],
            port=[(number, *route.split(";")) for number, route in more_ports],
            release=[(number,) for number in gone],
            mass_change=[("B", "C", "D2")] if moved else [],
            withdraw=[(8612000, 8612499)] if moved else [],
        )
        rebuild(store, folder / "after", plan)
    if refused:
        return
    since = sequence if by_number else folder / "before"
    rebuild(store, folder / "changes", Plan("csv", plan.options, since=since, exact=exact))
    before = made.read(folder / "before" / "rules.csv")
    assert made.taken(before, folder / "changes" / "rules.csv") == made.read(folder / "after" / "rules.csv")


def small(tmp_path):
    ranges = [(8610000, 8619999, "A"), (8612000, 8612999, "B;0")]
    return made.store_of(tmp_path / "store", ranges, [(8611234, "C;D2"), (8613999, "B;0")])


def test_the_manifest_says_what_is_in_the_directory(tmp_path):
    store = small(tmp_path)
    manifest = rebuild(store, tmp_path / "out", Plan("csv"))
    assert json.loads((tmp_path / "out" / MANIFEST_FILE).read_text()) == manifest
    content = (tmp_path / "out" / "rules.csv").read_bytes()
    assert manifest["files"] == {"rules.csv": {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}}
    assert manifest["rules"] == {"count": content.count(b"\n") - 1, "ported": 2, "nobody": 0, "digits": 7}
    head = Store.open(store).chain.head
    assert (manifest["sequence"], manifest["digest"], manifest["dataset"]) == (head.sequence, head.digest, "test")


def test_the_same_state_gives_the_same_bytes(tmp_path):
    store = small(tmp_path)
    files = [rebuild(store, tmp_path / name, Plan("csv", exact=True))["files"] for name in ("one", "two")]
    assert files[0] == files[1]


def test_nothing_appears_where_a_limit_is_met(tmp_path):
    with pytest.raises(TargetLimitError, match=r"carrier \w has '\w', not a number from 1 to 999; carrier"):
        rebuild(small(tmp_path), tmp_path / "out", Plan("pdbt-csv"))
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_nothing_appears_where_writing_fails(tmp_path, monkeypatch):
    def broken(*_):
        raise OSError("the disk is full")

    monkeypatch.setattr("portdip.batch.rebuild.writing._Lines.blocks", broken)
    with pytest.raises(OSError, match="the disk is full"):
        rebuild(small(tmp_path), tmp_path / "out", Plan("csv"))
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_what_is_there_stays(tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(RebuildError, match="there is something at this path already"):
        rebuild(small(tmp_path), tmp_path / "out", Plan("csv"))


def test_a_target_without_changes_says_so(tmp_path):
    for target in ("pdbt-csv", "enum-zone", "asterisk-csv"):
        with pytest.raises(RebuildError, match="the target cannot take changes"):
            rebuild(small(tmp_path / target), tmp_path / "out", Plan(target, since=0))


def test_changes_follow_a_rebuild_made_the_same_way(tmp_path):
    store = small(tmp_path)
    rebuild(store, tmp_path / "before", Plan("csv", {"delimiter": ";"}))
    for plan, other in ((Plan("csv"), "options"), (Plan("csv", {"delimiter": ";"}, exact=True), "aggregate")):
        with pytest.raises(RebuildError, match=f"made otherwise.*the same {other}"):
            rebuild(
                store, tmp_path / "out", Plan(plan.target, plan.options, since=tmp_path / "before", exact=plan.exact)
            )
    manifest = tmp_path / "before" / MANIFEST_FILE
    manifest.write_text(manifest.read_text().replace('"portdip_rebuild": 2', '"portdip_rebuild": 1'))
    with pytest.raises(RebuildError, match="the same portdip_rebuild"):
        rebuild(store, tmp_path / "out", Plan("csv", {"delimiter": ";"}, since=tmp_path / "before"))
    with pytest.raises(RebuildError, match="not the directory of a rebuild"):
        rebuild(store, tmp_path / "out", Plan("csv", since=tmp_path))
    with pytest.raises(RebuildError, match="there is no such sequence yet"):
        rebuild(store, tmp_path / "out", Plan("csv", since=99))


def test_what_took_effect_after_a_sequence_wants_the_directory(tmp_path):
    """By the sequence alone nobody knows whether the target has been rebuilt before or after that moment."""
    store, now = small(tmp_path), datetime.now(UTC)
    with Store.open(store).writer() as writer:
        writer.port(8615555, "C", "D2", effective=now + timedelta(hours=1))
    sequence = Store.open(store).chain.head.sequence
    rebuild(store, tmp_path / "before", Plan("csv"), moment=now)
    later = now + timedelta(hours=2)
    for in_force in ("in the chain", "in a snapshot"):
        if in_force == "in a snapshot":
            folded(store, later)
        with pytest.raises(RebuildError, match="have taken effect since"):
            rebuild(store, tmp_path / "out", Plan("csv", since=sequence), moment=later)
    rebuild(store, tmp_path / "changes", Plan("csv", since=tmp_path / "before"), moment=later)
    assert "set,8615555,C,D2,true" in (tmp_path / "changes" / "rules.csv").read_text()


def test_changes_follow_from_a_snapshot_that_is_kept(tmp_path):
    """A snapshot made meanwhile hides nothing, until none is left that is as old as the rebuild."""
    store = small(tmp_path)
    rebuild(store, tmp_path / "before", Plan("csv"))
    for number in range(8615000, 8615002):
        made.changed(store, port=[(number, "C", "D2")])
        folded(store)
    rebuild(store, tmp_path / "changes", Plan("csv", since=tmp_path / "before"))
    rebuild(store, tmp_path / "after", Plan("csv"))
    before = made.read(tmp_path / "before" / "rules.csv")
    assert made.taken(before, tmp_path / "changes" / "rules.csv") == made.read(tmp_path / "after" / "rules.csv")
    for number in range(8615002, 8615005):
        made.changed(store, port=[(number, "C", "D2")])
        folded(store)
    with pytest.raises(StoreError, match=r"no snapshot that is kept.*Rebuild all\."):
        rebuild(store, tmp_path / "out", Plan("csv", since=tmp_path / "before"))


def test_changes_follow_from_a_snapshot_older_than_the_rebuild(tmp_path):
    """A snapshot of the very sequence that was rebuilt, made afterwards, may have more in force than the rebuild."""
    store = small(tmp_path)
    folded(store)
    made.changed(store, port=[(8615000, "C", "D2")])
    rebuild(store, tmp_path / "before", Plan("csv"))
    folded(store)
    made.changed(store, port=[(8615001, "C", "D2")])
    rebuild(store, tmp_path / "changes", Plan("csv", since=tmp_path / "before"))
    text = (tmp_path / "changes" / "rules.csv").read_text()
    assert text == "operation,prefix,carrier,routing_number,ported\nset,8615001,C,D2,true\n"


def folded(store, moment=None):
    with Store.open(store).fold(moment) as draft:
        write_image(draft)


def test_numbers_that_begin_others_need_aggregation(tmp_path):
    store = made.store_of(tmp_path / "store", [(8612340, 8612349, "A")], [(861234, "B")])
    with pytest.raises(RebuildError, match="861234 and 8612340"):
        rebuild(store, tmp_path / "out", Plan("csv"))
    rebuild(store, tmp_path / "out", Plan("csv", exact=True))
    assert made.longest(made.read(tmp_path / "out" / "rules.csv"), 8612340) == "A;"


def test_ported_numbers_are_kept_apart_from_a_range_of_their_carrier_where_the_table_says_so(tmp_path):
    ports = [(number, "A") for number in (8610007, 8612000, 8612001)]
    store = made.store_of(tmp_path / "store", [(8610000, 8610999, "A")], ports)
    said = {"8610": "false", "8610007": "true", "8612000": "true", "8612001": "true"}
    for name, columns, expected in (
        ("with", "prefix,carrier,ported", said),
        ("without", "prefix,carrier", {"8610": "A", "8612000": "A", "8612001": "A"}),
    ):
        rebuild(store, tmp_path / name, Plan("csv", {"columns": columns}, exact=True))
        lines = (tmp_path / name / "rules.csv").read_text().splitlines()[1:]
        assert {line.split(",")[0]: line.split(",")[-1] for line in lines} == expected


def test_a_number_that_begins_others_of_its_carrier_needs_aggregation_where_the_table_says_ported(tmp_path):
    store = made.store_of(tmp_path / "store", [(8612340, 8612349, "A")], [(861234, "A")])
    rebuild(store, tmp_path / "without", Plan("csv", {"columns": "prefix,carrier"}))
    with pytest.raises(RebuildError, match="861234 and 8612340"):
        rebuild(store, tmp_path / "out", Plan("csv"))


def test_ranges_of_two_lengths_and_carriers_cannot_be_aggregated(tmp_path):
    store = made.store_of(tmp_path / "store", [(8612000, 8612999, "A"), (861200, 861299, "B")], [])
    with pytest.raises(RebuildError, match="the same digits and have different routes"):
        rebuild(store, tmp_path / "out", Plan("csv", exact=True))


@pytest.mark.parametrize("length", [9_998, 10_000])
def test_long_tables_are_written_whole(tmp_path, length, monkeypatch):
    """Batches end anywhere: none of their rows is lost, and none comes twice."""
    monkeypatch.setattr("portdip.batch.rebuild.content._BATCH", 1_000)
    ports = list(zip(range(8600000, 8600000 + length), itertools.cycle(["A", "B;0"]), strict=False))
    store = made.store_of(tmp_path / "store", [], ports)
    rebuild(store, tmp_path / "out", Plan("csv"))
    assert made.read(tmp_path / "out" / "rules.csv") == {
        str(number): route if ";" in route else f"{route};" for number, route in ports
    }
