"""The cheapest table at a price: proven on small trees."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip.batch.rebuild import _fit
from portdip.batch.rebuild.calls import Calls
from tests.batch.rebuild import trees

PRICES = st.sampled_from([0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.5, 1000.0])


def cheapest(radix, digits, numbers, may_block, price):
    calls = Calls.one_each()
    found = _fit.fit(
        *trees.columns(numbers, radix, digits), calls.edge, calls.before, calls.density, may_block, price, radix, digits
    )
    assert found is not None
    return trees.table_of(*found[:2], radix), found[2]


@given(trees.trees(one_length=True), st.booleans(), PRICES)
def test_no_table_costs_less(tree, may_block, price):
    radix, digits, numbers = tree
    table, wrong = cheapest(*tree, may_block, price)
    assert wrong == sum(trees.answer(table, node) != code for node, code in numbers.items())
    once = dict.fromkeys(numbers, 1.0)
    assert wrong + price * len(table) == pytest.approx(trees.least_cost(numbers, radix, digits, may_block, price, once))


@given(trees.trees(one_length=True), st.booleans(), PRICES)
def test_what_nobody_has_is_never_answered(tree, may_block, price):
    radix, digits, numbers = tree
    table, _ = cheapest(*tree, may_block, price)
    for node, code in trees.asked(numbers, radix, digits).items():
        if code == 0:
            assert trees.answer(table, node) == 0


def test_a_number_that_is_the_beginning_of_another_is_refused():
    calls = Calls.one_each()
    numbers = trees.columns({(1, 2): 5, (1, 2, 3): 6}, 10, 3)
    assert _fit.fit(*numbers, calls.edge, calls.before, calls.density, False, 1.0, 10, 3) is None
