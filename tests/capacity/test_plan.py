"""The formulas, against a pencil: a country of published figures, and a small network of round ones."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip.capacity.evidence import Evidence
from portdip.capacity.plan import Kind, plan
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
    assert china["burst"].likely == 18_000  # 12 % of 150,000 at the full hour
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
    assert small["dips_later"].likely == pytest.approx(12_100)  # 1.1 ^ 2
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
    later = 3.6e6 + 10_000 * 365 * 2 * 1.21
    assert small["ported_later"].likely == pytest.approx(later)
    assert small["disk"].likely == pytest.approx(3 * later * 30 + 548 * 10_000 * 10)
    assert small["burst_seconds"].likely == pytest.approx(1_200 / 200_000)
    assert small["day_bytes"].likely == pytest.approx(100_000)
    assert small["burst_link"].likely == pytest.approx(1_200 * 10 * 8 / 100e6)
    assert small["burst_bandwidth"].likely == pytest.approx(1_200 * 10 * 8 * 6)
    fetch, check = later * 30 * 8 / 100e6, later / 5e6
    assert small["bootstrap"].likely == pytest.approx(fetch + check + 2.0 + 10_000 / 200_000)


def test_between_the_densities_measured_the_bytes_are_on_a_straight_line():
    """Each doubling takes half a byte: half way of one, on a logarithmic axis, a quarter."""
    evidence = Evidence(results.result(), is_reference=False)
    half_way = {**SMALL, "porting": {**SMALL["porting"], "ported_numbers": 3.6e6 * 2**0.5}}
    assert made(half_way, evidence)["index_bytes_now"].likely == pytest.approx(6.25)
    thin = {**SMALL, "porting": {**SMALL["porting"], "ported_numbers": 1000}}
    assert made(thin, evidence)["index_bytes_now"].likely == pytest.approx(8.0)


def test_many_dips_need_many_nodes_and_one_to_spare():
    busy = {**SMALL, "traffic": {**SMALL["traffic"], "subscribers": 36e9, "busy_hour_attempts": 2}}
    # 20 M dips/s, 22 M in a year, 11 M at each of two sites left: 131.7 cores, 66 nodes of 2, and one.
    assert made(busy, years=1)["site_nodes"].likely == 67


def test_nodes_that_are_asked_all_at_once_each_carry_everything():
    asked = {**SMALL, "nodes": {**SMALL["nodes"], "asked_at_once": 4}}
    one, four = made(SMALL), made(asked)
    assert four["site_dips"].likely == pytest.approx(4 * one["site_dips"].likely)
    assert four["site_nodes"].likely == 5  # four that are asked, and one to spare


def test_one_site_carries_all_and_that_is_said():
    single = made({**SMALL, "nodes": {**SMALL["nodes"], "sites": 1}})
    assert single["site_share"].likely == 1
    assert any("one site" in remark for remark in single.remarks())


def test_every_modelled_value_shows_its_formula_in_words_and_in_numbers():
    for line in made(SMALL).lines.values():
        if line.kind is Kind.MODELLED:
            assert line.words, line.label
            assert line.numbers, line.label
        elif line.kind is Kind.GIVEN:
            assert not line.words
    calls = made(SMALL).lines["calls"]
    assert (calls.words, calls.numbers) == (
        "subscribers * busy-hour attempts of a subscriber / 3600", "36 M * 1 / 3600",
    )  # fmt: skip


def test_answers_that_took_far_longer_than_the_model_says_are_told():
    calm = made({"traffic": {"subscribers": 1e6}})  # 129.9 us at every load
    assert not any("taken away" in remark for remark in calm.remarks())
    slow = {("enum", f"p99.9 at {load} % load"): 20_000.0 for load in (10, 30, 50, 70, 80, 90)}
    whole = results.result()
    figures = tuple(
        figure.model_copy(update={"samples": (slow[figure.group, figure.name],)})
        if (figure.group, figure.name) in slow
        else figure
        for figure in whole.figures
    )
    stolen = made({"traffic": {"subscribers": 1e6}}, Evidence(whole.model_copy(update={"figures": figures}), False))
    assert any("was 20 ms, where the model says" in remark for remark in stolen.remarks())


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
)  # fmt: skip
def test_bounds_ascend_and_the_nodes_bought_are_enough(subscribers, attempts, sites, cores, protocol, spread):
    found = made(
        {
            "traffic": {"subscribers": subscribers, "busy_hour_attempts": attempts},
            "porting": {"ports_per_day": min(30_000, subscribers)},
            "nodes": {"sites": sites, "cores": cores, "protocol": protocol},
        },
        Evidence(results.result(spread=spread), is_reference=False),
    )
    for name, line in found.lines.items():
        assert line.value.low <= line.value.likely <= line.value.high, name
    assert found["used_worst"].high <= 0.6 * (1 + 1e-9)  # the utilisation that was asked for, in the worst case


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
