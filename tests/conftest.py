"""How the tests run: random seeds that vary and are printed, long runs on request, no test left out unnoticed.

PORTDIP_TEST_FULL=1 adds the tests marked `full` and ten times as many examples to every property.
PORTDIP_TEST_NOTHING_LEFT_OUT=1 fails the run if a test was left out because a system package is missing. Tests that
mount a file system are left out, and listed, where that is not permitted.
"""

import os
import random
import shutil
import signal

import hypothesis
import pytest

from tests.faults.mounting import may_mount

FULL = bool(os.environ.get("PORTDIP_TEST_FULL"))
NOTHING_LEFT_OUT = bool(os.environ.get("PORTDIP_TEST_NOTHING_LEFT_OUT"))

hypothesis.settings.register_profile("default", deadline=None, print_blob=True)
hypothesis.settings.register_profile("full", hypothesis.settings.get_profile("default"), max_examples=1000)
hypothesis.settings.load_profile("full" if FULL else "default")

#: Why a test is left out: a system package that it misses, or a right.
MISSING = "system package missing: "
NO_MOUNT = "mounting a file system is not permitted"


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    config.addinivalue_line(
        "markers", "system(program, package): needs a program, or a file by its whole path, of a Debian package"
    )
    config.addinivalue_line("markers", "mount: needs the right to mount a file system")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # What a shell starts in the background ignores it, and so would all that the tests interrupt.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = str(random.randrange(1 << 32))


@pytest.fixture(scope="session")
def seed(pytestconfig) -> int:
    """The seed of this run, for random data that hypothesis does not draw."""
    return int(pytestconfig.option.hypothesis_seed)


def pytest_collection_modifyitems(config, items):
    long = [item for item in items if item.get_closest_marker("full") and not FULL]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]
    for item in items:
        for mark in item.iter_markers("system"):
            program, package = mark.args
            if shutil.which(program) is None and not os.path.isfile(program):
                item.add_marker(pytest.mark.skip(reason=MISSING + package))
        if item.get_closest_marker("mount") and not may_mount():
            item.add_marker(pytest.mark.skip(reason=NO_MOUNT))


def left_out(config) -> dict[str, list[str]]:
    """The tests left out, by the reason. Read from their reports: several processes may run the tests."""
    found: dict[str, list[str]] = {}
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    for report in reporter.stats.get("skipped", []) if reporter else []:
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if reason.startswith((MISSING, NO_MOUNT)):
            found.setdefault(reason, []).append(report.nodeid)
    return found


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    if exitstatus == pytest.ExitCode.OK and NOTHING_LEFT_OUT and left_out(session.config).keys() - {NO_MOUNT}:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    seed = config.option.hypothesis_seed
    terminalreporter.line(f"random seed {seed}: repeat with --hypothesis-seed={seed}")
    for reason, tests in left_out(config).items():
        terminalreporter.line(f"not run, {reason}: {', '.join(tests)}", red=True)
