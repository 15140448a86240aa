from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from portdip.exchange.publish import Writer
from portdip.lookup.engine import Engine, open_engine
from portdip.lookup.load import init_store, write_image
from portdip.table.store import Store
from tests.lookup.stores import make_store


@pytest.fixture(scope="session")
def store(tmp_path_factory) -> Path:
    return make_store(tmp_path_factory.mktemp("stores") / "store")


@pytest.fixture(scope="session")
def engine(store: Path) -> Engine:
    return open_engine(store)


@pytest.fixture
def fresh(tmp_path) -> Store:
    """An empty store of a test's own."""
    return init_store(tmp_path / "fresh", "test")


@pytest.fixture
def publish(fresh) -> Callable[[Callable[[Writer], object]], int]:
    """Publishes what is done with a writer to `fresh` as one delta; its sequence."""

    def publish(change: Callable[[Writer], object]) -> int:
        with fresh.writer() as writer:
            change(writer)
        return writer.published[-1]

    return publish


@pytest.fixture
def fold(fresh) -> Callable[..., int | None]:
    """Folds the chain of `fresh`, as of a moment."""

    def fold(moment: datetime | None = None) -> int | None:
        with fresh.fold(moment or datetime.now(UTC)) as draft:
            if draft:
                write_image(draft)
        return draft and draft.sequence

    return fold
