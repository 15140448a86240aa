"""What the tests of the cut-over share: a layer with a store of its own, and orders that are due."""

from __future__ import annotations

from datetime import timedelta

from portdip.lookup.load import init_store
from portdip.porting import nodes, profile
from portdip.porting.actor import Actor, Role
from portdip.porting.after import AfterPort
from portdip.porting.cutover import CutOver
from portdip.porting.orders import Orders
from portdip.porting.publisher import Publisher
from portdip.porting.states import Act
from portdip.table.store import Store

CENTRE = Actor("centre", Role.CENTRE)
REGULATOR = Actor("inspector", Role.REGULATOR)
DONOR = Actor("porting desk of CMCC", Role.DONOR, "CMCC")
RECIPIENT = Actor("porting desk of CUCC", Role.RECIPIENT, "CUCC")
LIMIT = timedelta(minutes=15)
FIRST = 8610000000000


class Layer:
    """A database, a store, and what cuts orders over from the one to the other. The profile `cn`."""

    def __init__(self, database, path):
        self.database = database
        self.store = init_store(path, "cn") if not path.exists() else Store.open(path)
        self.orders = Orders(profile.load_all())
        self.after = AfterPort(self.orders)
        self.publisher = Publisher(database, self.store.writer)
        self.cut_over = CutOver(database, self.orders, self.publisher, LIMIT)

    def scheduled(self, *offsets, **values):
        """Orders due now: numbers of CMCC to CUCC, or as `values` say."""
        made = []
        with self.database.transaction() as tx:
            for offset in offsets:
                row = {
                    "profile": "cn",
                    "number": FIRST + offset,
                    "donor": "CMCC",
                    "recipient": "CUCC",
                    "routing_number": "0B17",
                    "range_holder": "CMCC",
                }
                order = self.orders.open(tx, CENTRE, "a test", **row | values)
                order = self.orders.move(tx, order, Act.AUTHORIZE, CENTRE, "a test")
                made.append(self.orders.move(tx, order, Act.SCHEDULE, CENTRE, "a test", slot=tx.now))
        return made

    def ported(self, *offsets, **values):
        """Orders that are active."""
        made = self.scheduled(*offsets, **values)
        self.arrive()
        return [self.seen(order) for order in made]

    def arrive(self):
        """Cut over all that is due, and have all nodes report it."""
        self.cut_over.step()
        self.report()
        self.cut_over.step()

    def report(self, *names):
        """All registered nodes, or those named, have the whole chain."""
        with self.database.transaction() as tx:
            for node in nodes.all_nodes(tx):
                if not names or node.name in names:
                    nodes.report(tx, CENTRE, node.name, self.store.chain.head.sequence)

    def register(self, *names, carrier="CMCC"):
        with self.database.transaction() as tx:
            for name in names:
                nodes.register(tx, CENTRE, name, carrier)

    def move(self, order, act, actor, cause="a test", **changes):
        with self.database.transaction() as tx:
            return self.orders.move(tx, self.orders.get(tx, order.reference), act, actor, cause, **changes)

    def seen(self, order):
        """The order as it is now."""
        with self.database.reading() as connection:
            return self.orders.find(connection, order.reference)

    def states(self, orders):
        return [self.seen(order).state for order in orders]

    def changes(self):
        """All rows of the chain."""
        chain = self.store.chain
        return [row for sequence in chain.sequences() for row in chain.read(sequence).rows.to_pylist()]
