"""The configurations under deploy/ fit the service."""

import re
import tomllib
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.registry import CollectorRegistry

from portdip import settings
from portdip.access.counters import Counters, State
from portdip.access.metrics import ServiceCollector
from portdip.service.sockets import places
from portdip.settings.access import Access

DEPLOY = Path(__file__).parents[2] / "deploy"


def test_every_metric_of_an_alert_is_told():
    counters = Counters(workers=1)
    counters.set_state(0, State(pid=1))
    registry = CollectorRegistry()
    registry.register(ServiceCollector(counters))
    told = set(re.findall(r"^(portdip_\w+)", generate_latest(registry).decode(), re.MULTILINE))
    alerts = (DEPLOY / "prometheus" / "portdip-alerts.yml").read_text()
    asked = {
        name for expression in re.findall(r"expr: (.*)", alerts) for name in re.findall(r"portdip_\w+", expression)
    }
    assert len(asked) > 5
    assert asked <= told


def test_the_settings_are_good(monkeypatch):
    path = DEPLOY / "systemd" / "portdip.toml"
    assert tomllib.loads(path.read_text())
    monkeypatch.setenv("PORTDIP_SETTINGS", str(path))
    access = settings.load().access
    assert isinstance(access, Access)
    assert {place.protocol for place in places(access)} == {"http", "enum", "enum_tcp", "pdb"}


@pytest.mark.system("systemd-analyze", "systemd")
def test_systemd_takes_the_unit(tmp_path):
    import subprocess

    unit = (DEPLOY / "systemd" / "portdip.service").read_text()
    own = tmp_path / "portdip.service"
    own.write_text(unit.replace("/opt/portdip/bin/portdip", "/bin/true").replace("User=portdip", "User=root"))
    finished = subprocess.run(["systemd-analyze", "verify", str(own)], capture_output=True, text=True, check=False)
    assert "portdip.service" not in finished.stderr
