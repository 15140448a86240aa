"""`portdip history`, and `portdip dip --at`: who served a number when."""

import json

from tests.cli.chains import changes, own  # noqa: F401 - fixtures
from tests.lookup import stores


def test_every_holder_is_listed_with_delta_and_order(portdip, own, changes):  # noqa: F811
    portdip("publish", own, changes(f"port,{stores.PORTED},CT,D100,,,CU,2025-01-01T00:00:00Z,O-7"))
    portdip("publish", own, changes(f"release,{stores.PORTED},,,,,,2026-01-01T00:00:00Z,"))
    lines = portdip("history", own, stores.PORTED).out.splitlines()
    assert [line.split("  ")[0] for line in lines] == [
        "not known",
        "2024-01-02 03:04:05",
        "2025-01-01 00:00:00",
        "2026-01-01 00:00:00",
    ]
    assert lines[2].endswith("CT (China Telecom) D100  (sequence 2, port, order O-7)")
    assert lines[3].endswith("native       CM (China Mobile)  (sequence 3, release)")


def test_json_is_one_object_a_holder(portdip, own, changes):  # noqa: F811
    portdip("publish", own, changes(f"port,{stores.NATIVE},CT,D100,,,,2025-01-01T00:00:00Z,"))
    first, second = map(json.loads, portdip("history", own, stores.NATIVE, "--json").out.splitlines())
    assert (first["status"], first["carrier"], first["to"]) == ("native", "CM", "2025-01-01T00:00:00+00:00")
    assert (second["status"], second["carrier"], second["sequence"], second["to"]) == ("ported", "CT", 2, None)


def test_what_is_no_number_is_refused(portdip, own):  # noqa: F811
    finished = portdip("history", own, "12x")
    assert finished.code == 2
    assert "not a number" in finished.err


def test_a_dip_of_the_past_and_of_the_future(portdip, own, changes):  # noqa: F811
    portdip("publish", own, changes(f"port,{stores.PORTED},CT,D100,,,CU,2100-01-01T00:00:00Z,"))
    for moment, answer in (("2023-01-01", "CM"), ("2024-06-01", "CU D002"), ("2100-01-01T08:00+08:00", "CT D100")):
        assert portdip("dip", own, "--short", "--at", moment, stores.PORTED).out == f"{answer}\n"
    assert portdip("dip", own, "--short", stores.PORTED).out == "CU D002\n"


def test_a_moment_that_is_none_is_refused(portdip, own):  # noqa: F811
    finished = portdip("dip", own, "--at", "yesterday", stores.PORTED)
    assert finished.code == 2
    assert "not a time" in finished.err
