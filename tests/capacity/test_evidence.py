import pytest

from portdip.capacity.evidence import Evidence, evidence
from portdip.capacity.plan import plan
from portdip.capacity.quantity import Span
from portdip.capacity.traffic import profile
from tests.capacity import results


@pytest.mark.parametrize("protocol", ["enum", "pdb", "http", "engine"])
def test_the_reference_that_comes_with_portdip_makes_a_plan(protocol):
    reference = evidence(None)
    assert reference.kind == "reference"
    made = plan(profile(None, {"traffic": {"subscribers": 1e8}, "nodes": {"protocol": protocol}}), reference)
    assert made["nodes"].likely >= 4


def test_a_result_of_ones_own_is_measured(tmp_path):
    (tmp_path / "a.json").write_bytes(results.result().as_json())
    own = evidence(tmp_path / "a.json")
    assert (own.kind, own.machine) == ("measured", "A, 2 cores")
    assert own.core_microseconds("enum") == Span(5.0, 5.0, 5.0)
    assert own.core_microseconds("engine") == Span(2.0, 2.0, 2.0)
    assert own.change_bytes() == 10.0


def test_loads_are_told_by_the_core_time_that_was_used():
    loaded = Evidence(results.result(), is_reference=False).loaded("enum")
    assert [round(one.utilisation, 3) for one in loaded] == [0.1, 0.3, 0.5, 0.7, 0.8, 0.9]  # of 200,000/s at 5 us
    assert loaded[0].microseconds[99.0].likely == 129
    assert Evidence(results.result(), is_reference=False).loaded("engine") == []


def test_the_denser_the_fewer_bytes_and_bounds_change_places():
    found = Evidence(results.result(), is_reference=False).index_bytes(Span(0.01, 0.02, 0.04))
    assert found == Span(6.5, 7.0, 7.5)
    beyond = Evidence(results.result(), is_reference=False).index_bytes(Span(0.0001, 0.5, 1.0))
    assert beyond == Span(5.0, 5.0, 8.0)
