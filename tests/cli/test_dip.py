"""`portdip dip`: answers for people, for scripts and for programs; the exit code is that of the worst."""

import json
import subprocess
import sys

import pytest

from tests.lookup import stores


def test_people_see_carrier_routing_number_range_holder_and_state(portdip, store):
    finished = portdip("dip", store, f"+{stores.PORTED}")
    assert finished.code == 0
    lines = finished.out.splitlines()
    assert lines[0] == f";; +{stores.PORTED}: ported"
    assert f"+{stores.PORTED}  carrier         CU (China, Unicom)" in lines
    assert f"+{stores.PORTED}  routing-number  D002" in lines
    assert f"+{stores.PORTED}  range-holder    CM (China Mobile)" in lines
    assert f";; store: {store}, sequence 1, as of" in finished.out
    assert "microseconds" in finished.out


def test_short_is_one_line_a_number(portdip, store):
    finished = portdip("dip", store, "--short", stores.PORTED, stores.NATIVE, stores.UNALLOCATED, "x")
    assert finished.out == "CU D002\nCM\n-\n-\n"


def test_json_is_one_object_a_line(portdip, store):
    finished = portdip("dip", store, "--json", stores.PORTED, stores.NATIVE, stores.UNALLOCATED, "12x")
    ported, native, unallocated, invalid = map(json.loads, finished.out.splitlines())
    as_of = ported.pop("as_of")
    assert as_of.endswith("+00:00")
    assert ported == {
        "number": f"+{stores.PORTED}", "status": "ported", "carrier": "CU", "routing_number": "D002",
        "ported": True, "range_holder": "CM", "sequence": 1,
    }  # fmt: skip
    assert (native["status"], native["carrier"], native["routing_number"], native["ported"]) == (
        "native",
        "CM",
        "",
        False,
    )
    for nobody, number in ((unallocated, f"+{stores.UNALLOCATED}"), (invalid, "12x")):
        assert nobody["number"] == number
        assert nobody["carrier"] is nobody["routing_number"] is nobody["range_holder"] is None


@pytest.mark.parametrize(
    ("numbers", "code"),
    [
        ([stores.PORTED, stores.NATIVE], 0),
        ([stores.PORTED, stores.UNALLOCATED], 1),
        ([stores.WITHDRAWN], 1),
        (["x", stores.PORTED, stores.UNALLOCATED], 2),
        (["0123"], 2),
        (["1234567890123456"], 2),
        (["+86138abc00001"], 2),
    ],
)
def test_the_exit_code_is_that_of_the_worst_answer(portdip, store, numbers, code):
    assert portdip("dip", store, *numbers).code == code


def test_a_dash_reads_numbers_from_standard_input(portdip, store):
    finished = portdip("dip", store, "-", "--short", stdin=f"{stores.PORTED}\n\n  +{stores.NATIVE} \nx")
    assert (finished.out, finished.code) == ("CU D002\nCM\n-\n", 2)


def test_numbers_may_be_written_as_people_write_them(portdip, store):
    assert portdip("dip", store, "--short", "+86 138-0000-0001").out == "CU D002\n"
    assert portdip("dip", store, "--short", "--region", "CN", "13800000001", "8613800000001").out == "CU D002\n" * 2
    assert portdip("dip", store, "--short", "--region", "US", "(202) 555-0123").out == "ILEC 12025550000\n"


def test_bytes_that_are_no_text_are_bad_input(store):
    command = [sys.executable, "-c", "from portdip.cli import main; main()", "dip", store, "-", b"\xff", "--json"]
    finished = subprocess.run(command, input=b"\xfe1\n%d\n" % stores.NATIVE, capture_output=True, check=False)
    assert finished.returncode == 2
    statuses = [json.loads(line)["status"] for line in finished.stdout.decode().splitlines()]
    assert (statuses, finished.stderr) == (["invalid", "native", "invalid"], b"")
