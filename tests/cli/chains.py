"""Stores with a chain, made by the verbs themselves: for the tests of the verbs about deltas."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from portdip.table.store import Store
from tests.lookup.stores import make_store

HEADER = "operation,number,carrier,routing_number,first,last,donor,effective,order\n"


@pytest.fixture
def own(tmp_path) -> Path:
    """A store that the test may change; sequence 1."""
    return make_store(tmp_path / "own")


@pytest.fixture
def changes(tmp_path):
    """A file of changes from rows as text."""

    def changes(*rows: str) -> Path:
        path = tmp_path / "changes.csv"
        path.write_text(HEADER + "".join(f"{row}\n" for row in rows))
        return path

    return changes


@pytest.fixture
def node(own, tmp_path) -> Path:
    """A copy of the store, which knows nothing of what is published in it afterwards."""
    return Path(shutil.copytree(own, tmp_path / "node"))


def delta(store: Path, sequence: int) -> Path:
    return Store.open(store).chain.file(sequence)
