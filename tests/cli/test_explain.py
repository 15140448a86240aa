"""`portdip explain`: the path of one dip, for people and for programs."""

import json

from tests.lookup import stores


def test_people_see_the_path(portdip, store):
    finished = portdip("explain", store, f"+{stores.PORTED}")
    assert finished.code == 0
    for part in (
        "8613800000001 (13 digits)",
        "86 (CN)",
        "8613800000000 to 8613809999999, held by CM (China Mobile)",
        "prefix         861380\n",
        "own entry      yes",
        "base index",
        "CU (China, Unicom), routing number D002",
        "donor          CM (China Mobile)",
        "effective      2024-01-02 03:04:05 UTC",
        "sequence       1, as of",
        "number to route code",
    ):
        assert part in finished.out


def test_a_native_number_has_no_record(portdip, store):
    out = portdip("explain", store, stores.NATIVE_OF_INNER_RANGE).out
    assert "prefix         861380013\n" in out
    assert "own entry      no" in out
    assert "donor" not in out


def test_a_withdrawn_range_and_no_range_are_told_apart(portdip, store):
    withdrawn, outside = portdip("explain", store, stores.WITHDRAWN), portdip("explain", store, stores.UNALLOCATED)
    assert (withdrawn.code, outside.code) == (1, 1)
    assert "withdrawn from the range around it" in withdrawn.out
    assert "range          none" in outside.out


def test_what_is_no_number_is_said_to_be_none(portdip, store):
    finished = portdip("explain", store, "12x")
    assert finished.code == 2
    assert "1 to 15 digits" in finished.out


def test_a_country_code_that_is_none_is_no_failure(portdip, store):
    assert "country code   none" in portdip("explain", store, "999123456789").out


def test_json_holds_the_same(portdip, store):
    found = json.loads(portdip("explain", store, "--json", "--region", "CN", "138 0000 0001").out)
    assert found["number"] == "+8613800000001"
    assert (found["country_code"], found["region"], found["own_entry"], found["answered_by"]) == (
        86,
        "CN",
        True,
        "base",
    )
    assert found["range"] == {"first": 8613800000000, "last": 8613809999999, "prefix": 861380, "carrier": "CM"}
    assert found["record"] == {"donor": "CM", "effective": "2024-01-02T03:04:05+00:00", "version": 1}
    assert len(found["nanoseconds"]) == 4
    invalid = json.loads(portdip("explain", store, "--json", "x").out)
    assert (invalid["digits"], invalid["range"], invalid["record"]) == (None, None, None)
