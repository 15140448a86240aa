"""A running service, looked at from outside."""

import json
import socket

import pytest

from portdip.errors import ServiceError
from portdip.service.doctor import Level, examine
from portdip.service.doctor.running import CHECKS, Running
from portdip.service.remote import Remote
from tests.service.nodes import Node, enum_query, free_port
from tests.service.test_faults import wait_until


def levels(url: str) -> dict[str, Level]:
    findings = list(examine(Running(Remote(url)), CHECKS))
    assert all(finding.fix for finding in findings if finding.level != Level.GOOD)
    return {finding.check: finding.level for finding in findings}


def test_what_a_service_says_of_itself(store, portdip):
    clients = json.dumps([{"network": "127.0.0.1/32"}])
    with Node(store, 2, PORTDIP_ACCESS__UDP__CLIENTS=clients) as node:
        url = f"http://127.0.0.1:{node.http}"
        # A busy machine may answer late once; what is wrong stays so.
        wait_until(lambda: set(levels(url).values()) == {Level.GOOD})
        finished = portdip("status", url)
        assert (finished.code, "sequence       1" in finished.out) == (0, True)
        assert len(json.loads(portdip("status", url, "--json").out)["workers"]) == 2
        assert portdip("doctor", url).code == 0

        with socket.socket(type=socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.2", 0))
            stranger.sendto(enum_query(1), ("127.0.0.1", node.enum))
        wait_until(lambda: levels(url)["strangers"] == Level.WARNING)
        wait_until(lambda: portdip("doctor", url).out.count("127.0.0.2") == 0)


def test_nobody_there_is_said_once():
    url = f"http://127.0.0.1:{free_port()}"
    assert levels(url)["answer"] == Level.WRONG
    assert sum(level == Level.WRONG for level in levels(url).values()) == 1
    with pytest.raises(ServiceError, match="nothing answers"):
        Remote(url).status()


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "http://", "file:///etc/passwd"])
def test_what_is_no_url_is_refused(url):
    with pytest.raises(ServiceError, match="not a URL"):
        Remote(url)
