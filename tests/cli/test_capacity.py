import re
import sys

import orjson
import pytest

from portdip.capacity.suite import running
from tests.capacity import results


@pytest.fixture
def bench(tmp_path):
    path = tmp_path / "bench.json"
    path.write_bytes(results.result(spread=0.1).as_json())
    return path


def lines(done):
    return orjson.loads(done.out)["lines"]


def test_a_plan_is_shown_with_its_formulas_and_what_it_rests_on(portdip, bench):
    done = portdip("capacity", "--subscribers", "36e6", "--bhca", "1", "--bench", bench)
    assert done.code == 0
    assert "= 36 M * 1 / 3600" in done.out
    assert "measured" in done.out
    assert "nodes" in done.out
    assert "figures of a core: measured, 2026-11-23 on A, 2 cores" in done.out


def test_subscribers_alone_are_enough_however_few(portdip, bench):
    done = portdip("capacity", "--subscribers", "1", "--bench", bench)
    assert done.code == 0
    assert "assumed" in done.out


def test_the_headroom_is_written_alike_in_the_headline_and_above(portdip, bench):
    done = portdip("capacity", "--subscribers", "1e7", "--bench", bench)
    headline = next(line for line in done.out.splitlines() if line.startswith("headroom"))
    (value,) = re.findall(r"headroom +([0-9,]+) x ", headline)
    assert int(value.replace(",", "")) >= 100
    assert f"; {value} x to " in done.out


def test_for_programs_it_is_json(portdip, bench):
    done = portdip("capacity", "--subscribers", "36e6", "--bhca", "0.5..2", "--bench", bench, "--json")
    calls = lines(done)["calls"]
    assert (calls["low"], calls["value"], calls["high"]) == pytest.approx((5_000, 10_000, 20_000))


def test_without_a_result_the_figures_are_those_of_a_reference_and_marked(portdip):
    done = portdip("capacity", "--subscribers", "1e6", "--json")
    assert lines(done)["cpu"]["kind"] == "reference"
    assert any("no figure is of your machine" in remark for remark in orjson.loads(done.out)["remarks"])


def test_this_machine_is_measured_on_request(portdip, monkeypatch):
    monkeypatch.setattr(running, "run", lambda *_: results.result())
    done = portdip("capacity", "--subscribers", "1e6", "--measure", "--json")
    assert lines(done)["cpu"]["kind"] == "measured"
    assert "at most" in done.err


def test_options_go_before_the_profile(portdip, bench, tmp_path):
    (tmp_path / "p.toml").write_text("[traffic]\nsubscribers = 5e6\nbusy_hour_attempts = 1\n[nodes]\nsites = 4\n")
    done = portdip("capacity", "--profile", tmp_path / "p.toml", "--bhca", "2", "--bench", bench, "--json")
    assert lines(done)["attempts"]["value"] == 2
    assert lines(done)["subscribers"]["value"] == 5e6
    assert orjson.loads(done.out)["inputs"]["nodes"]["sites"] == 4


def test_a_report_is_one_file(portdip, bench, tmp_path):
    pytest.importorskip("matplotlib")
    done = portdip("capacity", "--subscribers", "1e8", "--bench", bench, "--html", tmp_path / "report.html")
    assert done.code == 0
    assert (tmp_path / "report.html").read_text().startswith("<!DOCTYPE html>")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bench.json", "report.html"]


def test_without_matplotlib_a_report_says_what_to_install(portdip, bench, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = portdip("capacity", "--subscribers", "1e8", "--bench", bench, "--html", tmp_path / "report.html")
    assert done.code == 2
    assert "pip install 'portdip[report]'" in done.err
    assert done.err.count("\n") == 1
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "traffic.subscribers"),
        (("--subscribers", "0"), "at least 1"),
        (("--subscribers", "-5"), "at least 1"),
        (("--subscribers", "1e15"), "at most 1e+11"),
        (("--subscribers", "lots"), "lots"),
        (("--subscribers", "5..2"), "[low, high]"),
        (("--subscribers", "1e6", "--bhca", "0"), "busy_hour_attempts"),
        (("--subscribers", "1e6", "--dipped-share", "1.1"), "dipped_share"),
        (("--subscribers", "1e6", "--dipped-share", "0"), "dipped_share"),
        (("--subscribers", "1e6", "--growth", "7"), "growth"),
        (("--subscribers", "1e11", "--growth", "2", "--years", "30"), "traffic.growth"),
        (("--subscribers", "1e6", "--ports-per-day", "1e8"), "porting.ports_per_day to be at most traffic.subscribers"),
        (
            ("--subscribers", "1e6", "--ported-numbers", "1e8"),
            "porting.ported_numbers to be at most traffic.subscribers",
        ),
        (("--subscribers", "1e6", "--sites", "0"), "sites"),
        (("--subscribers", "1e6", "--protocol", "fax"), "protocol"),
        (("--subscribers", "1e6", "--years", "-1"), "years"),
        (("--subscribers", "1e6", "--profile", "nowhere.toml"), "nowhere.toml"),
        (("--subscribers", "1e6", "--bench", "nowhere.json"), "nowhere.json"),
        (("--subscribers", "1e6", "--bench", __file__), "not a bench result"),
        (("--subscribers", "1e6", "--bench", __file__, "--measure"), "both"),
    ],
)
def test_what_cannot_be_meant_is_one_line(portdip, arguments, message):
    done = portdip("capacity", *arguments)
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1
    assert done.out == ""


def test_a_result_of_another_version_or_damaged_is_refused(portdip, bench):
    read = orjson.loads(bench.read_bytes())
    bench.write_bytes(orjson.dumps(read | {"version": 99}))
    assert "another version" in portdip("capacity", "--subscribers", "1e6", "--bench", bench).err
    bench.write_bytes(orjson.dumps(read)[:-200])
    assert "cut off" in portdip("capacity", "--subscribers", "1e6", "--bench", bench).err


@pytest.mark.parametrize("change", [{"unit": "ms"}, {"samples": [0.0, 5.0, 5.0]}, {"samples": [1e300]}])
def test_a_result_with_a_figure_that_cannot_be_is_refused_in_one_line(portdip, bench, tmp_path, change):
    read = orjson.loads(bench.read_bytes())
    figure = next(one for one in read["figures"] if (one["group"], one["name"]) == ("enum", "CPU of an answer"))
    figure.update(change)
    bench.write_bytes(orjson.dumps(read))
    done = portdip("capacity", "--subscribers", "1e7", "--bench", bench, "--html", tmp_path / "report.html")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "enum: CPU of an answer" in done.err
    assert not (tmp_path / "report.html").exists()
