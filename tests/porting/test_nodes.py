"""Nodes report how far they are, and what all of them have has arrived."""

import pytest

from portdip.errors import NodeError
from portdip.porting import nodes
from portdip.porting.actor import Actor, Role

CENTRE = Actor("centre", Role.CENTRE)
DONOR = Actor("porting desk", Role.DONOR, "CMCC")


def test_what_all_registered_nodes_have_has_arrived(database):
    with database.transaction() as tx:
        assert nodes.reached(tx.connection) is None
        nodes.register(tx, CENTRE, "north", "CMCC")
        nodes.register(tx, CENTRE, "south", "CUCC")
        assert nodes.reached(tx.connection) == 0
        nodes.report(tx, CENTRE, "north", 7)
        nodes.report(tx, CENTRE, "south", 5)
        assert nodes.reached(tx.connection) == 5
        assert [node.name for node in nodes.without(tx, 6)] == ["south"]
        nodes.remove(tx, CENTRE, "south", "decommissioned")
        assert nodes.reached(tx.connection) == 7


def test_a_restored_node_says_that_it_is_older(database):
    with database.transaction() as tx:
        nodes.register(tx, CENTRE, "north", "CMCC")
        nodes.report(tx, CENTRE, "north", 7)
        nodes.report(tx, CENTRE, "north", 3)
        assert nodes.find(tx, "north").sequence == 3


def test_a_report_says_when(database):
    with database.transaction() as tx:
        nodes.register(tx, CENTRE, "north", "CMCC")
        assert nodes.find(tx, "north").reported is None
        nodes.report(tx, CENTRE, "north", 7)
        assert nodes.find(tx, "north").reported == tx.now


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda tx: nodes.report(tx, CENTRE, "west", 1), "no such node"),
        (lambda tx: nodes.remove(tx, CENTRE, "west", ""), "no such node"),
        (lambda tx: nodes.register(tx, CENTRE, "north", "CMCC"), "registered already"),
        (lambda tx: nodes.register(tx, DONOR, "east", "CMCC"), "not yours"),
        (lambda tx: nodes.remove(tx, DONOR, "north", ""), "not yours"),
        (lambda tx: nodes.report(tx, DONOR, "north", 1), "another carrier's"),
        (lambda tx: nodes.report(tx, CENTRE, "north", -1), "not a sequence"),
    ],
)
def test_what_makes_no_sense_is_refused(database, act, message):
    with database.transaction() as tx:
        nodes.register(tx, CENTRE, "north", "CUCC")
        with pytest.raises(NodeError, match=message):
            act(tx)
