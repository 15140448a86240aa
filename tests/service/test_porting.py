"""`portdip serve --porting`: a number is ported over the API and the dips beside it change."""

import json
import os
import signal
import subprocess
import time
from importlib.resources import files

import httpx
import pytest

from tests.lookup.stores import NATIVE
from tests.porting.world import GOOD, IDENTITY
from tests.service.nodes import PATIENCE_S, Node, free_port


@pytest.fixture
def country(own, portdip, tmp_path, monkeypatch):
    """A store whose layer knows a block of numbers and a subscriber, by rules of a cut-over at once; its keys."""
    rules = (files("portdip.porting") / "profiles" / "cn.toml").read_text("utf-8")
    rules = rules.replace('name = "cn"', 'name = "at-once"', 1).replace('"next-full-hour"', '"immediate"')
    (tmp_path / "at-once.toml").write_text(rules)
    monkeypatch.setenv("PORTDIP_PORTING__PROFILE", str(tmp_path / "at-once.toml"))
    (tmp_path / "lines.csv").write_text(f"number,{','.join(GOOD)}\n{NATIVE},{','.join(GOOD.values())}\n")
    for arguments in (
        ("ranges", "assign", own, 8613800000000, 8613800009999, "CM"),
        ("subscribers", "import", own, tmp_path / "lines.csv", "--carrier", "CM"),
    ):
        assert portdip("port", *arguments).code == 0
    roles = ("desk:CM", "recipient:CT")
    return {role: portdip("port", "keys", "new", own, role).out.strip() for role in roles}


def children(node, verb):
    """The processes of `portdip port VERB`."""
    found = subprocess.run(
        ["pgrep", "-P", str(node.process.pid), "-f", f"port {verb}"], capture_output=True, text=True, check=False
    )
    return [int(pid) for pid in found.stdout.split()]


def soon(true):
    """Wait until it is so."""
    until = time.monotonic() + PATIENCE_S
    while not (found := true()):
        assert time.monotonic() < until
        time.sleep(0.05)
    return found


def lives(client):
    try:
        return client.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False


def test_a_port_over_the_api_changes_the_dip(own, country):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with Node(own, arguments=("--porting", f":{port}")) as node, httpx.Client(base_url=url, timeout=10) as client:

        def ask(role, method, path, body=None):
            headers = {"authorization": f"Bearer {country[role]}"}
            return client.request(method, f"/v1/porting{path}", json=body, headers=headers)

        def serving():
            return json.loads(node.get(f"/v1/dips/{NATIVE}")[1])["carrier"]["id"]

        soon(lambda: lives(client))
        claim = {"number": str(NATIVE), "identity": IDENTITY}
        code = ask("desk:CM", "POST", "/codes", claim | {"donor": "CM"}).json()["code"]
        assert serving() == "CM"
        wanted = claim | {"code": code, "routing_number": "D100", "risks_confirmed": "notice 1"}
        order = ask("recipient:CT", "POST", "/orders", wanted).json()
        soon(lambda: serving() == "CT")
        soon(lambda: ask("desk:CM", "GET", f"/orders/{order['reference']}").json()["state"] == "active")

        workers = set(node.workers()) - set(children(node, "serve") + children(node, "run"))
        for verb in ("serve", "run"):
            (killed,) = children(node, verb)
            os.kill(killed, signal.SIGKILL)
            soon(lambda verb=verb, killed=killed: children(node, verb) not in ([], [killed]))
        soon(lambda: lives(client))
        assert workers <= set(node.workers())
        assert serving() == "CT"
        assert node.stop() == 0
        assert not lives(client)


def test_a_store_that_follows_another_publishes_nothing(portdip, own, tmp_path):
    options = ("--http", f":{free_port()}", "--follow", own, "--porting", f":{free_port()}")
    finished = portdip("serve", tmp_path / "new", *options)
    assert (finished.code, "publishes nothing" in finished.err) == (2, True)


def test_the_porting_address_must_be_free(portdip, own, store):
    with Node(store) as node:
        finished = portdip("serve", own, "--pdb", f":{free_port()}", "--porting", f":{node.http}")
        assert (finished.code, "cannot listen" in finished.err) == (2, True)
