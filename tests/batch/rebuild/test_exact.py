"""The smallest table: right, and proven smallest on small trees."""

from hypothesis import given
from hypothesis import strategies as st

from portdip.batch.rebuild import _exact
from tests.batch.rebuild import trees


def smallest(radix, digits, numbers, may_block):
    found = _exact.prefixes(*trees.columns(numbers, radix, digits), may_block, radix, digits)
    return trees.table_of(*found, radix)


@given(trees.trees(), st.booleans())
def test_a_table_answers_all_that_is_asked(tree, may_block):
    radix, digits, numbers = tree
    table = smallest(*tree, may_block)
    for node, code in trees.asked(numbers, radix, digits).items():
        assert trees.answer(table, node) == code, node
    assert may_block or 0 not in table.values()


@given(trees.trees(), st.booleans())
def test_no_table_has_fewer_rules(tree, may_block):
    radix, digits, numbers = tree
    assert len(smallest(*tree, may_block)) == trees.least_cost(numbers, radix, digits, may_block, 1, None)


@given(trees.trees().filter(lambda tree: tree[0] ** tree[1] <= 9), st.booleans())
def test_no_table_of_one_rule_less_would_do_as_all_of_them_show(tree, may_block):
    radix, digits, numbers = tree
    count = len(smallest(*tree, may_block))
    wanted = trees.asked(numbers, radix, digits)
    codes = [*sorted(set(numbers.values())), *([0] if may_block else [])]
    if 0 < count <= 4:
        for table in trees.tables(count - 1, codes, radix, digits):
            assert any(trees.answer(table, node) != code for node, code in wanted.items())


def test_one_rule_serves_all_numbers_of_a_carrier():
    numbers = {(1, *rest): 7 for rest in trees.itertools.product(range(10), repeat=3)}
    assert smallest(10, 4, numbers, False) == {(1,): 7}


def test_a_gap_is_a_rule_of_nobody_where_the_target_has_such():
    numbers = {(1, *rest): 7 for rest in trees.itertools.product(range(10), repeat=2)}
    del numbers[1, 3, 5]
    assert smallest(10, 3, numbers, True) == {(1,): 7, (1, 3, 5): 0}
    assert len(smallest(10, 3, numbers, False)) == 18


def test_a_number_may_be_the_beginning_of_others():
    assert smallest(10, 3, {(1, 2): 5, (1, 2, 3): 6}, False) == {(1, 2): 5, (1, 2, 3): 6}
    assert smallest(10, 3, {(1, 2): 5, (1, 2, 3): 5}, False) == {(1, 2): 5}


def test_no_numbers_need_no_rules():
    assert smallest(10, 3, {}, True) == {}
