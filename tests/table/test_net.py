"""Facts in force folded into columns, against what they say one by one."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from portdip.table import schema
from portdip.table.facts import AT_ONCE, Entries, Facts, Ranges, Rule
from portdip.table.nested import Nest
from portdip.table.net import RELEASED, Net

LAST = 30
numbers = st.integers(1, LAST)
codes = st.integers(0, 4)


def swap(one, other):
    """A map that makes one code another."""
    made = np.arange(1 << 16, dtype=np.uint16)
    made[one] = other
    return made


def entries_of(rows):
    number, code, ordinal = (np.array(column) for column in zip(*rows, strict=True)) if rows else np.empty((3, 0))
    return Entries(
        number.astype(np.uint64),
        code.astype(np.uint16),
        np.zeros(len(rows), np.uint16),
        ordinal.astype(np.uint32),
        np.full(len(rows), AT_ONCE),
    )


NO_RANGES = Ranges(*(np.empty(0, kind) for kind in (np.uint64, np.uint64, np.uint16, np.uint32, np.int64)))


@st.composite
def nets(draw):
    """Entries and rules in a drawn order of ordinals; the sequence of each is 100 and its ordinal."""
    kinds = draw(st.lists(st.booleans(), max_size=12))
    entries, rules = [], []
    for ordinal, is_rule in enumerate(kinds, start=1):
        if is_rule:
            first = draw(numbers)
            made = draw(st.none() | st.builds(swap, st.integers(1, 4), st.integers(1, 4)))
            rules.append(Rule(ordinal, first, draw(st.integers(first, LAST)), made, AT_ONCE))
        else:
            entries.append((draw(numbers), draw(codes), ordinal))
    facts = Facts(entries_of(draw(st.permutations(entries))), NO_RANGES, draw(st.permutations(rules)), len(kinds) + 1)
    return Net(9, facts, np.arange(100, 101 + len(kinds), dtype=np.uint64))


def after(net, number, code, ordinal, sequence):
    """One number after the rules."""
    for rule in sorted(net.facts.rules, key=lambda rule: rule.ordinal):
        if rule.ordinal > ordinal and rule.first <= number <= rule.last and code != RELEASED:
            new = RELEASED if rule.codes is None else int(rule.codes[code])
            if new != code:
                code, sequence = new, 100 + rule.ordinal
    return code, sequence


def said(net):
    """Number to code and sequence: of each number the entry latest in the chain, then the rules since."""
    entries = net.facts.entries
    rows = sorted(zip(entries.ordinal.tolist(), entries.number.tolist(), entries.code.tolist(), strict=True))
    latest = {number: (code, ordinal) for ordinal, number, code in rows}
    return {
        number: after(net, number, code, ordinal, 100 + ordinal) for number, (code, ordinal) in sorted(latest.items())
    }


@given(nets())
def test_of_each_number_the_latest_entry_counts_then_the_rules_after_it(net):
    found = net.numbers()
    assert found.schema == schema.NUMBERS
    rows = {row["number"]: (row["route"], row["version"]) for row in found.to_pylist()}
    assert list(rows.items()) == list(said(net).items())


@given(nets(), st.dictionaries(numbers, st.integers(1, 4), min_size=1))
def test_rows_of_the_base_are_older_than_every_rule(net, base):
    table = sorted(base.items())
    columns = [[number for number, _ in table], [code for _, code in table], [0] * len(table), [5] * len(table)]
    rows = pa.record_batch([*columns, [None] * len(table)], schema=schema.NUMBERS)
    found = net.base(rows)
    for row, (number, code) in zip(found.to_pylist(), table, strict=True):
        assert (row["route"], row["version"]) == after(net, number, code, 0, 5)
    if not net.facts.rules:
        assert found is rows


@given(nets(), st.lists(st.tuples(numbers, codes), max_size=8))
def test_a_change_to_come_ends_where_it_would_if_nothing_had_been_folded(net, waiting):
    """The rules since are part of the table by then, and what a later entry has outdone stays so."""
    ordinals = range(1, len(waiting) + 1)
    later = entries_of([(number, code, ordinal) for (number, code), ordinal in zip(waiting, ordinals, strict=True)])
    sequences = np.arange(100, 140, dtype=np.uint64)
    net = Net(net.since, net.facts, sequences)
    kept, moved = net.to_come(later)
    latest = {
        number: ordinal
        for ordinal, number in sorted(
            zip(net.facts.entries.ordinal.tolist(), net.facts.entries.number.tolist(), strict=True)
        )
    }
    expected = []
    for (number, code), ordinal in zip(waiting, ordinals, strict=True):
        new, _ = after(net, number, code, ordinal, 0)
        if latest.get(number, 0) <= ordinal and (new or not code):
            expected.append((number, ordinal, new, new != code))
    found = zip(kept.number.tolist(), kept.ordinal.tolist(), kept.code.tolist(), moved.tolist(), strict=True)
    assert list(found) == expected


def test_ranges_and_mass_changes_come_in_the_order_of_the_chain():
    ranges = Ranges(
        np.array([120, 150], np.uint64),
        np.array([129, 159], np.uint64),
        np.array([1, 1], np.uint16),
        np.array([3, 1], np.uint32),
        np.full(2, AT_ONCE),
    )
    rules = [Rule(2, 1, 10**15 - 1, swap(1, 7), AT_ONCE), Rule(4, 100, 199, None, AT_ONCE)]
    net = Net(9, Facts(entries_of([]), ranges, rules, 5), np.arange(5, dtype=np.uint64))
    plan = Nest(np.array([100], np.uint64), np.array([199], np.uint64), np.array([1], np.uint16))
    found = net.ranges(plan)
    assert list(zip(*(column.tolist() for column in found), strict=True)) == [
        (100, 199, 7),
        (120, 129, 1),
        (150, 159, 7),
    ]
