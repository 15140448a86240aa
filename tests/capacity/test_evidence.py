import pytest

from portdip.capacity.evidence import Evidence, evidence
from portdip.capacity.plan import plan
from portdip.capacity.quantity import Span
from portdip.capacity.traffic import profile
from portdip.errors import BenchResultError
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


def test_beyond_the_densities_measured_bytes_lie_between_those_of_a_number_and_of_a_block():
    own = Evidence(results.result(), is_reference=False)
    thin = own.index_bytes(Span.of(0.0005))  # a tenth of the thinnest measured: 8 bytes of a number, or of a tenth
    assert (thin.low, thin.likely, thin.high) == pytest.approx((8, 8 * 10**0.5, 80))
    dense = own.index_bytes(Span.of(0.64))  # twice the densest
    assert (dense.low, dense.likely, dense.high) == pytest.approx((2.5, 5 / 2**0.5, 5))
    assert own.index_bytes(Span.of(0.0)) == own.index_bytes(Span.of(0.0001))  # a block has one at least
    assert own.index_bytes_formula(0.0005).startswith("at least 8 B at 0.5 %")
    assert own.index_bytes_formula(0.64).startswith("at most 5 B at 32 %")
    assert own.index_bytes_formula(0.005).startswith("between 8 B at 0.5 % and 7.5 B at 1 %")
    assert own.index_bytes_formula(0.32).startswith("between 5.5 B at 16 % and 5 B at 32 %")


def changed(group, name, **update):
    whole = results.result()
    figures = tuple(
        figure.model_copy(update=update) if (figure.group, figure.name) == (group, name) else figure
        for figure in whole.figures
    )
    return Evidence(whole.model_copy(update={"figures": figures}), is_reference=False)


@pytest.mark.parametrize(
    ("group", "name"),
    [
        ("enum", "CPU of an answer"),
        ("enum", "p99.9 one at a time"),
        ("enum", "p99.9 at 10 % load"),
        ("enum", "answered at 90 % load"),
        ("upkeep", "numbers of a node founded"),
        ("upkeep", "start of a process, to the first answer"),
        ("memory", "private memory of a worker"),
        ("memory", "index, 0.5 % of a block ported"),
    ],
)
def test_a_figure_that_cannot_be_is_refused_before_anything_is_worked_out(group, name):
    asked = profile(None, {"traffic": {"subscribers": 1e7}})
    for update in ({"samples": (5.0, 5.0, 1e300)}, {"samples": (-1e-9, 5.0, 5.0)}, {"unit": "ms"}):
        with pytest.raises(BenchResultError) as refused:
            plan(asked, changed(group, name, **update))
        assert refused.value.where == f"{group}: {name}"


def test_one_sample_of_nothing_is_refused():
    asked = profile(None, {"traffic": {"subscribers": 1e7}})
    for group, name in (("enum", "CPU of an answer"), ("upkeep", "numbers of a node founded")):
        with pytest.raises(BenchResultError, match="cannot be"):
            plan(asked, changed(group, name, samples=(0.0, 5.0, 5.0)))


def test_a_load_at_which_nothing_was_answered_is_no_mistake():
    loaded = changed("enum", "answered at 90 % load", samples=(0.0,)).loaded("enum")
    assert loaded[-1].utilisation == 0
