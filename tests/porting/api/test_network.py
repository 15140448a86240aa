"""Nodes, number resources, events and their stream, over HTTP."""

import asyncio
import itertools

import orjson
import pytest

from portdip.porting.api import events


def test_a_port_waits_for_a_node_that_reports_over_the_api(api):
    assert api.ask("centre", "POST", "/nodes", {"name": "north", "carrier": "GAMMA"}).status_code == 201
    order = api.ported()
    assert order["state"] == "broadcasting"
    sequence = {"sequence": api.store.chain.head.sequence}
    assert api.ask("donor ALPHA", "PUT", "/nodes/north/sequence", sequence).status_code == 409
    assert api.ask("donor GAMMA", "PUT", "/nodes/north/sequence", sequence).status_code == 204
    api.layer.step()
    assert api.ask("centre", "GET", f"/orders/{order['reference']}").json()["state"] == "active"
    assert api.ask("donor GAMMA", "GET", "/nodes").json()["nodes"][0]["sequence"] == sequence["sequence"]
    assert api.ask("donor ALPHA", "GET", "/nodes").json() == {"nodes": []}
    assert api.ask("centre", "DELETE", "/nodes/north").status_code == 204
    assert api.ask("centre", "DELETE", "/nodes/north").status_code == 409


def test_numbers_are_assigned_to_one_carrier_only(api):
    body = {"first": "8610000005000", "last": "8610000005999", "carrier": "BETA", "cause": "growth"}
    assert api.ask("centre", "POST", "/ranges/assign", body).json()["state"] == "assigned"
    assert api.ask("centre", "POST", "/ranges/assign", body | {"carrier": "GAMMA"}).status_code == 409
    assert api.ask("centre", "POST", "/ranges/assign", body | {"carrier": ""}).status_code == 422
    assert api.ask("centre", "POST", "/ranges/reroute", body | {"routing_number": "b2"}).status_code == 200
    assert api.ask("centre", "POST", "/ranges/pool", body).json()["state"] == "pooled"
    assert api.ask("centre", "POST", "/ranges/withdraw", body | {"days": 1}).json()["state"] == "quarantined"
    other = {"first": "8610000007000", "last": "8610000007999", "cause": "new"}
    assert api.ask("regulator", "POST", "/ranges/add", other).json()["state"] == "free"
    assert len(api.ask("desk BETA", "GET", "/ranges?carrier=BETA").json()["ranges"]) == 2
    assert {one["carrier"]: one["assigned"] for one in api.ask("centre", "GET", "/ranges/use").json()["carriers"]} == {
        "ALPHA": 1000,
        "BETA": 1000,
        "GAMMA": 1000,
    }


def test_events_are_read_from_an_id_on_each_once_and_only_by_whom_they_concern(api):
    references = [api.scheduled()["reference"] for _ in range(2)]
    seen, position = [], 0
    while page := api.ask("donor ALPHA", "GET", f"/events?after={position}&limit=3").json()["events"]:
        seen += page
        position = page[-1]["id"]
    assert [event["id"] for event in seen] == sorted({event["id"] for event in seen})
    assert [event["body"]["state"] for event in seen if event["reference"] == references[0]][-1] == "scheduled"
    assert {event["carrier"] for event in seen} == {"ALPHA"}
    assert api.ask("donor GAMMA", "GET", "/events").json() == {"events": [], "position": 0}
    everything = api.ask("regulator", "GET", "/events?limit=1000").json()["events"]
    assert {event["carrier"] for event in everything} == {"ALPHA", "BETA"}


def parsed(content):
    """The events of a stream: (id, data)."""
    found = []
    for block in content.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "data" in fields:
            found.append((int(fields["id"]), orjson.loads(fields["data"])))
    return found


def listen(api, position, carrier, act=None, looks=4):
    """What a stream says until it has looked so often; `act` happens after the second look."""

    async def run():
        content, count = b"", itertools.count(1)

        async def is_over():
            look = next(count)
            if look == 2 and act is not None:
                await asyncio.to_thread(act)
            return look > looks

        async for part in events.stream(api.layer.database, position, carrier, is_over):
            content += part
        return content

    return parsed(api.runner.run(run()))


def test_a_stream_goes_on_with_what_comes_and_resumes_where_it_was_left(api, monkeypatch):
    monkeypatch.setattr(events, "_LOOK_SECONDS", 0.01)
    with api.layer.database.reading() as connection:
        begin = events.after(connection, 0, 1000)[-1:] or [None]
    position = begin[0].id if begin[0] else 0

    def submit():
        from tests.porting.world import CLAIM, desk

        api.layer.applications.issue_code(desk("ALPHA"), api.layer.profile, 8610000000150, "ALPHA", CLAIM, "test")

    whole = listen(api, position, "ALPHA", submit, looks=6)
    assert [event["body"]["act"] for _, event in whole] == ["open", "issue-code"]
    assert listen(api, whole[0][0], "ALPHA") == whole[1:]
    assert listen(api, whole[-1][0], "ALPHA") == []
    assert listen(api, position, "GAMMA") == []


def test_a_silent_stream_says_that_it_is_there(api, monkeypatch):
    monkeypatch.setattr(events, "_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(events, "_SILENCE_SECONDS", 0.01)

    async def run():
        looks = itertools.count()

        async def is_over():
            return next(looks) > 3

        return [part async for part in events.stream(api.layer.database, 0, "GAMMA", is_over)]

    assert b": here\n\n" in api.runner.run(run())


@pytest.mark.parametrize("position", ["x", "-1", "9" * 20, "١"])
def test_a_stream_resumes_at_ids_only(api, position):
    headers = {"authorization": f"Bearer {api.keys['donor ALPHA']}".encode(), "last-event-id": position.encode()}
    assert api.request("GET", "/v1/porting/events/stream", headers=headers).status_code == 422
