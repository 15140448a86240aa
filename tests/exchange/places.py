"""Where a writer works: a chain, keys, and a lock, without a store around them."""

from __future__ import annotations

import pyarrow as pa

from portdip.exchange.chain import Chain, Head
from portdip.exchange.changes import CHANGES
from portdip.exchange.key_ring import KeyRing
from portdip.exchange.keys import TrustFile
from portdip.exchange.publish import Writer


class Place:
    """A chain of dataset "test" in `path` / deltas, and what its writer needs."""

    def __init__(self, path):
        self.path = path
        self.chain = Chain.create(path / "deltas", Head.beginning("test"))
        self.trust = TrustFile(path / "keys" / "trusted.json")
        self.ring = KeyRing(path / "keys")
        self.lock = path / "lock"

    def writer(self, admit=lambda rows: None):
        return Writer(self.chain, self.trust, self.ring.path, self.lock, lambda: admit)

    def deltas(self):
        return list(Chain(self.chain.path).after(self.chain.base))

    def rows(self):
        return pa.concat_tables([CHANGES.empty_table(), *(found.rows for found in self.deltas())])
