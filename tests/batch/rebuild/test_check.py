"""A table that is not right does not get past the check, whatever is wrong with it."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portdip.batch.rebuild import aggregate, check
from portdip.batch.rebuild._lookup import codes
from portdip.batch.rebuild.answers import Answers
from portdip.batch.rebuild.content import Content
from portdip.batch.rebuild.rules import Rules, places
from portdip.errors import RebuildError, WrongTableError
from portdip.index import ENTRY
from tests.batch.rebuild import made


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    path = tmp_path_factory.mktemp("checked") / "store"
    ranges = [(8610000, 8610999, "A"), (8611000, 8611999, "B;0A"), (491000, 491999, "A"), (8630, 8639, "A")]
    return Content(made.engine_of(made.store_of(path, ranges, [(8610007, "C;D2"), (8611999, "A")])).generation)


def test_the_right_table_passes(content):
    tree = aggregate.tree(content)
    for may_block in (False, True):
        check.same_answers(content, tree, aggregate.exact(content, tree, may_block), lambda count: None)


@given(st.data())
def test_any_table_with_one_rule_missing_changed_or_added_is_caught(content, data):
    tree = aggregate.tree(content)
    table = aggregate.exact(content, tree, True)
    row = data.draw(st.integers(0, len(table.place) - 1))
    kind = data.draw(st.sampled_from(["missing", "changed", "added"]))
    if kind == "missing":
        wrong = table.where(np.arange(len(table.place)) != row)
    elif kind == "changed":
        wrong = table._replace(match=table.match.copy())
        wrong.match[row] = table.match[row] % 3 + 1 if table.match[row] & 0xFFFF else 1
        wrong.match[row] += wrong.match[row] == table.match[row] & 0xFFFF
    else:
        prefix = np.array([data.draw(st.sampled_from([862, 8610123, 86100, 4919, 48]))], np.uint64)
        added = Rules.of(prefix, np.array([3], np.uint32))
        wrong = Rules(*(np.concatenate(both) for both in zip(table, added, strict=True)))
        wrong = wrong.where(np.argsort(wrong.place))
    with pytest.raises(WrongTableError, match="answers otherwise than the engine"):
        check.same_answers(content, tree, wrong, lambda count: None)


def test_what_a_table_says_of_being_ported_is_checked_where_it_says_it(content):
    """8611999 is ported to the carrier of a range beside it: alike by route, but not where that is said too."""
    generation = content.generation
    saying = Content(generation, says_ported=True)
    tree, saying_tree = aggregate.tree(content), aggregate.tree(saying)
    right = aggregate.exact(saying, saying_tree, True)
    for either, of_either in ((content, tree), (saying, saying_tree)):
        check.same_answers(either, of_either, right, lambda count: None)
    for row in range(len(right.place)):
        if right.match[row]:
            wrong = right._replace(match=right.match.copy())
            wrong.match[row] ^= ENTRY
            check.same_answers(content, tree, wrong, lambda count: None)
            with pytest.raises(WrongTableError, match="ported"):
                check.same_answers(saying, saying_tree, wrong, lambda count: None)


def test_more_routes_than_can_be_kept_apart_are_refused():
    most = (ENTRY - 1) // 2
    Answers(SimpleNamespace(routes=dict.fromkeys(range(1, most + 1))), says_ported=True)
    more = SimpleNamespace(routes=dict.fromkeys(range(1, most + 2)))
    Answers(more, says_ported=False)
    with pytest.raises(RebuildError, match="Leave the column `ported` out"):
        Answers(more, says_ported=True)


def test_windows_leave_nothing_out(content, monkeypatch):
    monkeypatch.setattr(check, "_WINDOW", 1)
    tree = aggregate.tree(content)
    table = aggregate.exact(content, tree, False)
    check.same_answers(content, tree, table, lambda count: None)
    for row in range(len(table.place)):
        with pytest.raises(WrongTableError):
            check.same_answers(content, tree, table.where(np.arange(len(table.place)) != row), lambda count: None)


@settings(max_examples=200)
@given(
    st.dictionaries(st.text("12", min_size=1, max_size=6), st.integers(1, 5), max_size=20),
    st.sets(st.text("12", min_size=1, max_size=7), min_size=1, max_size=20),
)
def test_the_longest_beginning_answers(table, asked):
    rules = Rules.of(np.array([int(digits) for digits in table], np.uint64), np.array([*table.values()], np.uint32))
    rules = rules.where(np.argsort(rules.place))
    numbers = np.array(sorted(asked), np.uint64)
    found = codes(rules.place, rules.code, places(numbers))
    for number, code in zip(numbers.tolist(), found.tolist(), strict=True):
        digits = str(number)
        assert code == next((table[digits[:end]] for end in range(len(digits), 0, -1) if digits[:end] in table), 0)
