import io
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from portdip.cli import main
from tests.lookup.stores import make_store


class Finished(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def store(tmp_path_factory) -> Path:
    return make_store(tmp_path_factory.mktemp("stores") / "store")


@pytest.fixture
def portdip(capsys, monkeypatch):
    """Runs the command line: `portdip("dip", store, number, stdin="...")`."""

    def portdip(*arguments: object, stdin: str = "") -> Finished:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Finished(left.value.code or 0, out, err)

    return portdip


@pytest.fixture
def fresh(portdip, tmp_path) -> Path:
    """An empty store."""
    portdip("init", tmp_path / "store", "--dataset", "test")
    return tmp_path / "store"
