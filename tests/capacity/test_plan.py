"""The formulas, against a pencil: a country of published figures, and a small network of round ones."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip.capacity import queueing
from portdip.capacity.evidence import Evidence
from portdip.capacity.lines import Kind
from portdip.capacity.plan import plan
from portdip.capacity.quantity import Span
from portdip.capacity.traffic import profile
from portdip.errors import BenchResultError
from tests.capacity import results


def made(given, evidence=None, years=5):
    return plan(profile(None, given, years), evidence or Evidence(results.result(), is_reference=False))


def test_china_makes_49_to_74_thousand_calls_a_second_in_its_busy_hour():
    """1.61 trillion minutes in nine months are 2.15 in a year; a call is 2 to 3 minutes, the busy hour 9 % of a day.

    2.15e12 / 365 / 3 * 0.09 / 3600 = 49,087 and, at 2 minutes, 73,630.
    """
    traffic = {
        "subscribers": 1.8e9, "minutes_per_year": 2.15e12, "minutes_per_call": (2, 3), "busy_hour_share": 0.09,
        "growth": 0, "sms_share": 1,
    }  # fmt: skip
    china = made({"traffic": traffic, "porting": {"ported_numbers": 120e6, "ports_per_day": 150_000}})
    assert china["calls"].low == pytest.approx(49_087, rel=1e-4)
    assert china["calls"].high == pytest.approx(73_630, rel=1e-4)
    assert china["dips"].high == pytest.approx(2 * 73_630, rel=1e-4)  # messages of the same order
    assert china["burst"].likely == 18_000  # 12 % of 150,000 at the full hour, and no growth
    # 120 M of 1.8 G subscribers, who use 36 % of the numbers: 240 of a segment's 10,000, as the field counts them.
    assert china["density_now"].likely * 10_000 == pytest.approx(240)


def test_a_switch_of_220_thousand_users_makes_54_calls_a_second():
    one = made({"traffic": {"subscribers": 220_000, "busy_hour_attempts": 0.88}, "porting": {"ports_per_day": 10}})
    assert one["calls"].likely == pytest.approx(54, abs=0.5)


SMALL = {
    "traffic": {
        "subscribers": 36e6, "busy_hour_attempts": 1.0, "dipped_share": 0.5, "sms_share": 1.0, "growth": (0.1, 0.1),
    },
    "porting": {"ported_numbers": 3.6e6, "ports_per_day": 10_000, "used_share": 0.4},
    "nodes": {"sites": 3, "cores": 2, "utilisation": 0.5, "link_mbit": 100},
}  # fmt: skip


def test_a_network_of_round_figures_comes_out_as_by_hand():
    small = made(SMALL, years=2)
    assert small["calls"].likely == pytest.approx(10_000)  # 36e6 * 1 / 3600
    assert small["dips"].likely == pytest.approx(10_000)  # half of them dipped, and as many messages
    assert small["dips_most"].likely == pytest.approx(12_100)  # 1.1 ^ 2
    assert small["core_rate"].likely == pytest.approx(200_000)  # 5 us
    assert small["core_usable"].likely == pytest.approx(200_000 * 0.835 * 0.5)
    assert small["site_dips"].likely == pytest.approx(6_050)  # two of three sites left
    assert (small["site_cores"].likely, small["site_nodes"].likely, small["nodes"].likely) == (1, 2, 6)
    full = 2 * 2 * 200_000 * 0.835
    assert small["used_now"].likely == pytest.approx(10_000 / 3 / full)
    assert small["used_worst"].likely == pytest.approx(6_050 / full * 2)
    assert small["headroom"].likely == pytest.approx(full / 2 / 6_050)
    # 3.6 M of 36 M who use 40 % of the numbers: 4 % of a block, at which a number takes 6.5 bytes.
    assert small["density_now"].likely == pytest.approx(0.04)
    assert small["index_now"].likely == pytest.approx(3.6e6 * 6.5)
    assert small["memory_now"].likely == pytest.approx(2 * 3.6e6 * 6.5 + 2 * 50e6)
    most = 3.6e6 + 12_100 * 365 * 2
    assert small["ported_most"].likely == pytest.approx(most)
    assert small["density_most"].likely == pytest.approx(most / (36e6 * 1.21) * 0.4)
    # Changes grow too: 12,100 a day, 1,452 of them at the full hour.
    assert small["disk"].likely == pytest.approx(3 * most * 30 + 548 * 12_100 * 10)
    assert small["burst_seconds"].likely == pytest.approx(1_452 / 200_000)
    assert small["day_bytes"].likely == pytest.approx(121_000)
    assert small["burst_link"].likely == pytest.approx(1_452 * 10 * 8 / 100e6)
    assert small["burst_bandwidth"].likely == pytest.approx(1_452 * 10 * 8 * 6)
    fetch, check = most * 30 * 8 / 100e6, most / 5e6
    assert small["bootstrap"].likely == pytest.approx(fetch + check + 2.0 + 12_100 / 200_000)


def test_between_the_densities_measured_the_bytes_are_on_a_straight_line():
    """Each doubling takes half a byte: half way of one, on a logarithmic axis, a quarter."""
    evidence = Evidence(results.result(), is_reference=False)
    half_way = {**SMALL, "porting": {**SMALL["porting"], "ported_numbers": 3.6e6 * 2**0.5}}
    assert made(half_way, evidence)["index_bytes_now"].likely == pytest.approx(6.25)
    line = made(half_way, evidence).lines["index_bytes_now"]
    assert line.kind is Kind.MODELLED
    assert line.words.startswith("between 6.5 B at 4 % and 6 B at 8 %, measured")


def test_where_numbers_are_thinner_than_was_measured_the_bounds_say_so():
    """36,000 of 36 M at 40 % used are 0.04 % of a block, where 0.5 % was measured at 8 bytes: 8 to 8 * 12.5."""
    thin = {**SMALL, "porting": {**SMALL["porting"], "ported_numbers": 36_000}}
    found = made(thin)
    assert (found["index_bytes_now"].low, found["index_bytes_now"].high) == pytest.approx((8, 100))
    assert "thinner was not measured" in found.lines["index_bytes_now"].words
    assert any("index bytes were measured where 0.5 % to 32 %" in remark for remark in found.remarks())
    assert not any("index bytes" in remark for remark in made(SMALL).remarks())


def test_many_dips_need_many_nodes_and_one_to_spare():
    busy = {**SMALL, "traffic": {**SMALL["traffic"], "subscribers": 36e9, "busy_hour_attempts": 2}}
    # 20 M dips/s, 22 M in a year, 11 M at each of two sites left: 131.7 cores, 66 nodes of 2, and one.
    assert made(busy, years=1)["site_nodes"].likely == 67


def test_nodes_that_are_asked_all_at_once_each_carry_everything():
    asked = {**SMALL, "nodes": {**SMALL["nodes"], "asked_at_once": 4}}
    one, four = made(SMALL), made(asked)
    assert four["site_dips"].likely == pytest.approx(4 * one["site_dips"].likely)
    assert four["site_nodes"].likely == 5  # four that are asked, and one to spare
    assert four.lines["carrying"].numbers.endswith("/ 2, rounded up; no fewer than the 4 asked at once")


def test_a_shrinking_network_is_sized_for_today():
    shrinking = {**SMALL, "traffic": {**SMALL["traffic"], "subscribers": 3.6e9, "growth": -0.5}}
    found, steady = (
        made(given) for given in (shrinking, {**shrinking, "traffic": shrinking["traffic"] | {"growth": 0}})
    )
    for name in ("nodes", "headroom", "memory_most", "disk", "burst_seconds", "bootstrap", "ported_most"):
        assert found[name] == steady[name], name
    assert found["used_now"].high < found["used_worst"].high <= 0.5


def test_of_a_network_that_shrinks_or_grows_each_bound_is_the_most_of_the_years():
    either = made({**SMALL, "traffic": {**SMALL["traffic"], "growth": (-0.3, 0.1)}}, years=2)
    assert either["growth"].likely == pytest.approx(-0.1)
    assert either["growth_most"] == Span(1.0, 1.0, pytest.approx(1.21))
    assert (either["dips_most"].low, either["dips_most"].high) == pytest.approx((10_000, 12_100))


def test_no_more_numbers_are_ported_than_there_are_subscribers():
    busy = made({"traffic": {"subscribers": 1e7, "growth": 0.05}, "porting": {"ports_per_day": 30_000}})
    assert busy["ported_most"].likely == pytest.approx(1e7 * 1.05**5)
    assert busy["density_most"].likely == pytest.approx(0.36)  # all that are in use
    assert "no more than subscribers within 5 years, at most" in busy.lines["ported_most"].words
    assert "no more than 12.8 M" in busy.lines["ported_most"].numbers


@pytest.mark.parametrize("subscribers", [1, 1000, 1e7, 1e10])
def test_what_is_not_said_follows_the_subscribers(subscribers):
    found = made({"traffic": {"subscribers": subscribers}})
    assert found["ports"].high == pytest.approx(3e-4 * subscribers)
    assert found["ported_most"].high <= found["subscribers_most"].high


def test_what_nobody_said_is_assumed_and_not_given():
    lines = made({"traffic": {"subscribers": 1e6, "growth": 0.01}}).lines
    kinds = {name: line.kind for name, line in lines.items()}
    assert (kinds["subscribers"], kinds["growth"]) == (Kind.GIVEN, Kind.GIVEN)
    assumed = {name for name, kind in kinds.items() if kind is Kind.ASSUMED}
    assert assumed == {
        "attempts", "dipped_share", "sms_share", "utilisation", "node_cores", "ported_share", "ports_share",
        "used_share", "hour_share", "link",
    }  # fmt: skip


def test_a_core_that_works_alone_loses_nothing_to_others():
    single = {**SMALL, "nodes": {**SMALL["nodes"], "cores": 1}}
    assert made(single)["scaling"].likely == 1.0
    assert made(SMALL)["scaling"].likely == 0.835
    many = made({**SMALL, "nodes": {**SMALL["nodes"], "cores": 8}})
    assert any("more than 2 cores at work were not measured" in remark for remark in many.remarks())
    assert not any("cores at work" in remark for remark in made(SMALL).remarks())


def test_the_slowest_of_a_thousand_is_no_faster_than_where_nobody_else_asks():
    """60 us, as measured, where the median is 30: at next to no load nothing is added to that."""
    quiet = made({"traffic": {"subscribers": 1e6}})
    assert quiet["latency_now"] == Span(60.0, 60.0, 60.0)
    # The wait has the bounds of the CPU time: 4 to 6 us, at 4 and 6 us each.
    noisy = made(SMALL, Evidence(results.result(spread=0.2), is_reference=False))
    wait = noisy["latency_worst"], noisy["alone"]
    for bound in ("low", "high"):
        cpu, used = getattr(noisy["cpu"], bound), getattr(noisy["used_worst"], bound)
        added = getattr(wait[0], bound) - getattr(wait[1], bound)
        assert added == pytest.approx(queueing.wait(99.9, cpu, used))


def test_a_table_far_larger_than_the_one_measured_is_told():
    far = made({"traffic": {"subscribers": 1e9}, "porting": {"ported_numbers": 1e8, "ports_per_day": 0}})
    assert any("had 1 M numbers, that of the plan has up to 100 times as many" in remark for remark in far.remarks())
    near = made({"traffic": {"subscribers": 1e7}, "porting": {"ported_numbers": 1e6, "ports_per_day": 0}})
    assert not any("times as many" in remark for remark in near.remarks())


def test_one_site_carries_all_and_that_is_said():
    single = made({**SMALL, "nodes": {**SMALL["nodes"], "sites": 1}})
    assert single["site_share"].likely == 1
    assert any("one site" in remark for remark in single.remarks())


def test_every_modelled_value_shows_its_formula_in_words_and_in_numbers():
    for line in made(SMALL).lines.values():
        if line.kind is Kind.MODELLED:
            assert line.words, line.label
            assert line.numbers, line.label
        elif line.kind in {Kind.GIVEN, Kind.ASSUMED}:
            assert not line.words
    calls = made(SMALL).lines["calls"]
    assert (calls.words, calls.numbers) == (
        "subscribers * busy-hour attempts of a subscriber / 3600", "36 M * 1 / 3600",
    )  # fmt: skip


def test_answers_that_took_far_longer_than_the_model_says_are_told():
    calm = made({"traffic": {"subscribers": 1e6}})  # 129.9 us at every load
    assert not any("was measured as" in remark for remark in calm.remarks())
    assert "measured" not in calm.headline()[-1][2]
    slow = {("enum", f"p99.9 at {load} % load"): 20_000.0 for load in (10, 30, 50, 70, 80, 90)}
    whole = results.result()
    figures = tuple(
        figure.model_copy(update={"samples": (slow[figure.group, figure.name],)})
        if (figure.group, figure.name) in slow
        else figure
        for figure in whole.figures
    )
    stolen = made({"traffic": {"subscribers": 1e6}}, Evidence(whole.model_copy(update={"figures": figures}), False))
    # At the load measured next to the plan's own, which is next to nothing, and next to its limit of 60 %.
    told = next(remark for remark in stolen.remarks() if "was measured as" in remark)
    for used in (10, 50):
        assert f"20 ms with {used}% of a core used, where the model says" in told
    assert "80%" not in told
    assert "may have taken the core away" in told
    assert "measured longer, see below" in stolen.headline()[-1][2]


def test_measured_and_reference_figures_are_told_apart():
    evidence = Evidence(results.result(), is_reference=True)
    reference = made(SMALL, evidence)
    assert reference.lines["cpu"].kind is Kind.REFERENCE
    assert made(SMALL).lines["cpu"].kind is Kind.MEASURED
    assert any("no figure is of your machine" in remark for remark in reference.remarks())


def test_the_spread_of_the_measurement_is_in_what_follows_from_it():
    noisy = made(SMALL, Evidence(results.result(spread=0.2), is_reference=False))
    for name in ("cpu", "core_rate", "core_usable", "used_worst", "headroom", "burst_seconds", "bootstrap"):
        assert noisy[name].low < noisy[name].likely < noisy[name].high, name


def test_a_result_that_lacks_a_figure_is_refused_by_its_name():
    whole = results.result()
    lacking = whole.model_copy(update={"figures": tuple(f for f in whole.figures if f.name != "CPU of an answer")})
    with pytest.raises(BenchResultError, match="lacks a figure") as refused:
        made(SMALL, Evidence(lacking, is_reference=False))
    assert refused.value.expected == "enum: CPU of an answer"


def test_a_result_that_does_not_say_how_large_a_change_is_is_refused():
    whole = results.result()
    bare = tuple(figure.model_copy(update={"detail": {}}) for figure in whole.figures)
    with pytest.raises(BenchResultError, match="how large"):
        made(SMALL, Evidence(whole.model_copy(update={"figures": bare}), is_reference=False))


@given(
    st.floats(1e3, 1e10), st.floats(0.01, 5), st.integers(1, 20), st.integers(1, 64),
    st.sampled_from(["enum", "pdb", "http", "engine"]), st.floats(0, 0.3),
    st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5)).map(sorted).map(tuple),
)  # fmt: skip
def test_bounds_ascend_and_the_nodes_bought_are_enough(subscribers, attempts, sites, cores, protocol, spread, growth):
    found = made(
        {
            "traffic": {"subscribers": subscribers, "busy_hour_attempts": attempts, "growth": growth},
            "nodes": {"sites": sites, "cores": cores, "protocol": protocol},
        },
        Evidence(results.result(spread=spread), is_reference=False),
    )
    for name, line in found.lines.items():
        assert line.value.low <= line.value.likely <= line.value.high, name
    assert found["used_worst"].high <= 0.6 * (1 + 1e-9)  # the utilisation that was asked for, in the worst case
    assert found["used_now"].high <= 0.6 * (1 + 1e-9)
    assert found["density_most"].high <= found["used_share"].high * (1 + 1e-9)


def test_for_programs_it_is_plain_values():
    read = made(SMALL).as_json()
    assert read["lines"]["calls"]["value"] == pytest.approx(10_000)
    assert read["lines"]["calls"]["formula"]
    assert read["evidence"]["kind"] == "measured"
    assert {part["what"] for part in read["headline"]} >= {"nodes", "memory of each"}


def test_the_sample_profile_is_that_of_china():
    path = Path(__file__).parents[2] / "data" / "capacity" / "china.toml"
    china = plan(profile(path, {}), Evidence(results.result(), is_reference=False))
    assert (china["calls"].low, china["calls"].high) == pytest.approx((49_087, 73_630), rel=1e-4)
    assert china["density_now"].low * 10_000 == pytest.approx(120)  # of a segment, at 60 million ported
