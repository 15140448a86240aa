"""The best table of so many rules, against all tables of small stores, and what it answers wrong."""

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portdip.batch.rebuild import aggregate, fitting
from portdip.batch.rebuild.calls import Calls
from portdip.batch.rebuild.content import Content
from portdip.batch.rebuild.rebuild import Plan, rebuild
from portdip.batch.rebuild.wrong import wrong
from portdip.errors import RebuildError
from tests.batch.rebuild import made

NUMBERS = list(range(1000, 1100))


@st.composite
def plans(draw):
    """Who holds two hundreds of numbers, a few ported numbers, and calls to some."""
    holder = st.sampled_from("ABC")
    ranges = [(1000 + 10 * ten, 1009 + 10 * ten, draw(holder)) for ten in draw(st.sets(st.integers(0, 5), min_size=1))]
    ports = draw(st.lists(st.tuples(st.integers(1000, 1059), holder), max_size=6, unique_by=lambda row: row[0]))
    calls = draw(st.dictionaries(st.integers(1000, 1059), st.integers(1, 50), max_size=20))
    return ranges, ports, calls


def fewest_wrong(answers, weight, most):
    """For each count of rules, the fewest calls answered wrong by any table that answers no number of nobody's."""
    codes = sorted({*answers.values()})

    def curve(node, code):
        """By count of rules below the node, of which `code` is what reaches it."""
        if len(node) == 4:
            found = answers.get(int(node))
            return [0 if found == code else float("inf") if found is None else weight(int(node))]
        total = [0.0]
        for digit in "0123456789":
            child = node + digit
            if not any(str(number).startswith(child) for number in answers):
                part = [0.0 if code is None else float("inf")]
            else:
                part = best(child, code)
            total = [
                min(total[k - i] + part[i] for i in range(min(k, len(part) - 1) + 1) if k - i < len(total))
                for k in range(min(len(total) + len(part) - 1, most + 1))
            ]
        return total

    def best(node, code):
        stay = curve(node, code)
        rule = [float("inf")] * (most + 1)
        for other in codes:
            for count, cost in enumerate(curve(node, other)):
                if count + 1 <= most:
                    rule[count + 1] = min(rule[count + 1], cost)
        return [min(stay[k] if k < len(stay) else float("inf"), rule[k]) for k in range(most + 1)]

    found = best("1", None)
    return [min(found[: count + 1]) for count in range(most + 1)]


@settings(max_examples=25)
@given(plan=plans(), most=st.integers(1, 6))
def test_no_table_is_better_than_what_it_is_said_to_be_at_best(tmp_path_factory, plan, most):
    ranges, ports, called = plan
    store = made.store_of(tmp_path_factory.mktemp("fitted") / "store", ranges, ports)
    engine = made.engine_of(store)
    content = Content(engine.generation)
    tree = aggregate.tree(content)
    calls = Calls.one_each()
    if called:
        calls = Calls.of(np.array(list(called), np.uint64), np.array(list(called.values()), np.float64))
    fitted = fitting.fitted(content, tree, calls, most, False, lambda tried: None)
    found = wrong(content, tree, fitted.table, calls)
    answers = {number: int(engine.index[number]) for number in NUMBERS if engine.index[number]}
    least = fewest_wrong(answers, lambda number: called.get(number, 0) if called else 1, most)[most]
    assert len(fitted.table.place) <= most
    assert fitted.wrong_at_least - 1e-6 <= least <= found.calls + 1e-6


def test_the_heaviest_calls_are_kept_right_and_the_others_listed(tmp_path):
    store = made.store_of(
        tmp_path / "store", [(8610000, 8610999, "A"), (8611000, 8611999, "B;0A")], [(8610007, "C;D2")]
    )
    (tmp_path / "calls.csv").write_text("number,weight\n8610007,1000\n8611234,30\n8610500,20\n")
    manifest = rebuild(store, tmp_path / "out", Plan("csv", rules_max=2, traffic=tmp_path / "calls.csv"))
    rules = made.read(tmp_path / "out" / "rules.csv")
    assert rules == {"8610007": "C;D2", "8611": "B;0A"}
    assert manifest["wrong"] == {"calls": 20.0, "calls_at_least": 20.0, "numbers": 999, "stretches": 2}
    said = ["carrier", "routing_number", "ported"]
    with (tmp_path / "out" / "wrong.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["first", "last", "calls", *said, *(f"given_{name}" for name in said)],
            ["8610008", "8610999", "20", "A", "", "false", "", "", ""],
            ["8610000", "8610006", "0", "A", "", "false", "", "", ""],
        ]


def test_prefixes_share_their_calls_among_the_numbers_below():
    calls = Calls.of(np.array([861, 8612, 8612345], np.uint64), np.array([1000.0, 50.0, 3.0]))
    first, last = (np.array(column, np.uint64) for column in ([8610000, 8612000, 8612345], [8619999, 8612999, 8612345]))
    assert calls.to(first, last).tolist() == pytest.approx([1053.0, 153.0, 3.15])


def test_a_table_that_fits_is_exact(tmp_path):
    store = made.store_of(tmp_path / "store", [(8610000, 8610999, "A")], [(8610007, "C;D2")])
    manifest = rebuild(store, tmp_path / "out", Plan("csv", rules_max=2))
    assert manifest["wrong"] == {"calls": 0.0, "calls_at_least": 0.0, "numbers": 0, "stretches": 0}


def test_numbers_that_begin_others_cannot_be_weighed(tmp_path):
    store = made.store_of(tmp_path / "store", [], [(861234, "B"), (8612345, "A"), (8612346, "C")])
    with pytest.raises(RebuildError, match="its calls cannot be weighed"):
        rebuild(store, tmp_path / "out", Plan("csv", rules_max=2))


@pytest.mark.parametrize(
    "content", ["number,calls\n1,2\n", "number,weight\nx,2\n", "number,weight\n0,2\n", "number,weight\n86,-1\n", ""]
)
def test_a_traffic_file_is_read_strictly(tmp_path, content):
    store = made.store_of(tmp_path / "store", [(8610000, 8610999, "A")], [])
    (tmp_path / "calls.csv").write_text(content)
    with pytest.raises(RebuildError, match="not a traffic file"):
        rebuild(store, tmp_path / "out", Plan("csv", rules_max=1, traffic=tmp_path / "calls.csv"))
