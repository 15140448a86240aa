import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from portdip.capacity.suite import tables
from portdip.capacity.suite.publisher import Publisher
from portdip.errors import CapacityError
from portdip.table.store import Store

#: A program that has a publisher for as long as it runs.
PROGRAM = """
import sys, time
from pathlib import Path
import numpy as np
from portdip.capacity.suite.publisher import Publisher

if __name__ == "__main__":
    with Publisher(Path(sys.argv[1]), np.array([12125550100], dtype=np.uint64)) as publisher:
        publisher.start(60, 20, 10)
        print("publishes", flush=True)
        publisher.wait()
"""


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return tables.make(20_000, 7, tmp_path_factory.mktemp("tables"))


def test_it_publishes_as_many_deltas_as_it_is_told(table):
    store = table.copy("published")
    before = store.chain.sequences()[-1] if store.chain.sequences() else 0
    with Publisher(store.path, table.numbers) as publisher:
        publisher.start(0.2, 20, 10)
        publisher.wait()
    assert Store.open(store.path).chain.sequences()[-1] - before >= 4


def test_a_publisher_that_cannot_start_is_an_error(tmp_path, capfd):
    with pytest.raises(CapacityError, match="does not answer"), Publisher(tmp_path, np.zeros(1, dtype=np.uint64)):
        pass
    assert "not a store" in capfd.readouterr().err


def is_there(group: int) -> bool:
    """Whether a process of the group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("delay", [0.0, None, 0.5])
def test_what_a_terminal_interrupts_is_told_by_who_measures_alone(table, tmp_path, delay):
    """While the process starts, after so long, or (None) as soon as it publishes."""
    store = table.copy(f"interrupted {delay}")
    (tmp_path / "program.py").write_text(PROGRAM)
    process = subprocess.Popen(
        [sys.executable, tmp_path / "program.py", store.path],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    if delay is None:
        assert process.stdout.readline() == "publishes\n"
    else:
        while not has_child(process.pid):
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(delay)
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert told.count("Traceback") == 1
    assert "SpawnProcess" not in told
    until = time.monotonic() + 10
    while is_there(process.pid) and time.monotonic() < until:  # the tracker of resources notices a little later
        time.sleep(0.05)
    assert not is_there(process.pid)


def has_child(pid: int) -> bool:
    """Whether a process has started one that publishes."""
    found = subprocess.run(["pgrep", "-P", str(pid), "-f", "spawn_main"], capture_output=True)
    return found.returncode == 0
