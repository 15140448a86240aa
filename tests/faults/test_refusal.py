"""Whatever call the disk refuses, the error says what it was, the table is served, and the next attempt succeeds."""

import gc
import os
import resource
import shutil
import signal

import pytest

from portdip.errors import PortdipError
from tests.faults import refusal
from tests.faults.processes import Child
from tests.faults.scenario import Run, Undisturbed, scratch
from tests.faults.scenarios import SCENARIOS

#: Scenarios that end with the call that makes the next table live: no error may come after it.
AT_ONCE = {"files", "init", "import", "fold"}


@pytest.mark.parametrize("everything", [False, pytest.param(True, marks=pytest.mark.full)])
@pytest.mark.parametrize("name", SCENARIOS)
def test_no_refusal_does_harm(name, everything, seed):
    gc.collect()
    before = len(os.listdir("/dev/fd"))
    refused, failures = refusal.explore(name, seed, everything)
    assert not failures, "\n".join(failures)
    if name in AT_ONCE:  # what is served in spite of an error is whole, but may be gone after a power cut
        assert {each.call.name for each in refused if each.gone_on} <= {"fsync"}
    gc.collect()
    assert len(os.listdir("/dev/fd")) <= before


def test_errors_taken_for_success_are_found(seed):
    _, failures = refusal.explore("deaf", seed, everything=True)
    assert any("write .counter.tmp met ENOSPC, ended with None" in failure for failure in failures)


def _in_a_child(name, seed, run):
    """Runs `run(scenario run)` in a child, then checks what is left."""
    with scratch() as directory:
        undisturbed = Undisturbed.of(SCENARIOS[name], directory, seed)
        path = shutil.copytree(undisturbed.prepared, directory / "copy")

        def work(tell):
            acknowledged = run(Run(undisturbed.scenario, path, undisturbed.begun))
            undisturbed.check(path, acknowledged)

        Child(work).ended_well()


@pytest.mark.parametrize("spare", range(0, 16, 3))
def test_a_process_out_of_descriptors_says_so_and_goes_on_when_it_has_some(spare, seed):
    def run(run):
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/dev/fd")) + spare, limits[1]))
        said = "Too many open files"
        try:
            run.to_the_end()
        except (OSError, PortdipError) as error:
            said = str(error)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert "Too many open files" in said
        return run.acknowledged

    _in_a_child("import", seed, run)


def test_signals_in_the_middle_of_calls_do_no_harm(seed):
    def run(run):
        signal.signal(signal.SIGALRM, lambda number, frame: None)
        signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)
        run.to_the_end()
        signal.setitimer(signal.ITIMER_REAL, 0)
        return run.acknowledged

    _in_a_child("import", seed, run)
