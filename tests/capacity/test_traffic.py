import pytest

from portdip.capacity.quantity import Span
from portdip.capacity.traffic import profile, span
from portdip.errors import CapacityError

CHINA = """
years = 5
[traffic]
subscribers = 1.8e9
minutes_per_year = 2.15e12
minutes_per_call = [2, 3]
busy_hour_share = 0.09
[porting]
ported_share = [0.034, 0.067]
ports_per_day = 150_000
[nodes]
sites = 3
protocol = "pdb"
"""


@pytest.fixture
def china(tmp_path):
    path = tmp_path / "china.toml"
    path.write_text(CHINA)
    return path


def test_a_profile_is_read(china):
    read = profile(china, {})
    assert read.traffic.minutes_per_call == (2, 3)
    assert read.nodes.protocol == "pdb"
    assert span(read.porting.ported_share) == Span(0.034, (0.034 * 0.067) ** 0.5, 0.067)


def test_what_is_given_goes_before_the_profile(china):
    read = profile(china, {"nodes": {"sites": 2}, "traffic": {"busy_hour_attempts": 0.5}}, years=1)
    assert (read.nodes.sites, read.years) == (2, 1)
    assert read.nodes.protocol == "pdb"
    assert (read.traffic.busy_hour_attempts, read.traffic.minutes_per_year) == (0.5, None)
    assert profile(china, {"porting": {"ported_numbers": 1e8}}).porting.ported_share is None


@pytest.mark.parametrize(
    ("section", "values", "place"),
    [
        ("traffic", {"subscribers": 0}, "traffic.subscribers"),
        ("traffic", {"subscribers": -1e6}, "traffic.subscribers"),
        ("traffic", {"subscribers": 1e12}, "traffic.subscribers"),
        ("traffic", {"subscribers": float("inf")}, "traffic.subscribers"),
        ("traffic", {"subscribers": float("nan")}, "traffic.subscribers"),
        ("traffic", {"subscribers": "many"}, "traffic.subscribers"),
        ("traffic", {"subscribers": True}, "traffic.subscribers"),
        ("traffic", {"subscribers": (True, 2e6)}, "traffic.subscribers"),
        ("traffic", {"growth": False}, "traffic.growth"),
        ("traffic", {"dipped_share": 0}, "traffic.dipped_share"),
        ("traffic", {"dipped_share": (0, 1)}, "traffic.dipped_share"),
        ("nodes", {"sites": True}, "nodes.sites"),
        ("traffic", {"subscribers": (2e6, 1e6)}, "traffic.subscribers"),
        ("traffic", {"subscribers": (1, 2, 3)}, "traffic.subscribers"),
        ("traffic", {"dipped_share": 1.5}, "traffic.dipped_share"),
        ("traffic", {"growth": 12}, "traffic.growth"),
        ("traffic", {"busy_hour_attempts": 0}, "traffic.busy_hour_attempts"),
        ("porting", {"ports_per_day": -1}, "porting.ports_per_day"),
        ("porting", {"ports_per_day": 5e7}, ""),
        ("porting", {"ported_numbers": 5e7}, ""),
        ("porting", {"ported_numbers": 1e5, "ported_share": 0.1}, "porting"),
        ("nodes", {"sites": 0}, "nodes.sites"),
        ("nodes", {"cores": -4}, "nodes.cores"),
        ("nodes", {"utilisation": 0}, "nodes.utilisation"),
        ("nodes", {"protocol": "sip"}, "nodes.protocol"),
        ("nodes", {"colour": "red"}, "nodes.colour"),
        ("weather", {"rain": 1}, "weather"),
        ("traffic", {"minutes_per_year": 1e9}, "traffic"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(section, values, place):
    given = {"traffic": {"subscribers": 1e6}}
    given.setdefault(section, {}).update(values)
    with pytest.raises(CapacityError) as refused:
        profile(None, given)
    assert refused.value.where == place


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"porting": {"ports_per_day": 5e7}},
            "porting.ports_per_day to be at most traffic.subscribers; it is 50 M, of 1 M",
        ),
        ({"porting": {"ported_numbers": (5e5, 5e6)}}, "porting.ported_numbers to be at most traffic.subscribers"),
        (
            {"traffic": {"growth": 2}},
            "traffic.growth to leave at most 1e+11 subscribers; in 30 years it makes 2.06e+20",
        ),
    ],
)
def test_what_contradicts_the_subscribers_is_named_with_what_it_should_be(given, message):
    traffic = {"subscribers": 1e6} | given.pop("traffic", {})
    with pytest.raises(CapacityError) as refused:
        profile(None, {"traffic": traffic, **given}, years=30)
    assert message in refused.value.expected


def test_without_subscribers_there_is_no_plan():
    with pytest.raises(CapacityError, match="missing") as refused:
        profile(None, {})
    assert refused.value.where == "traffic.subscribers"


@pytest.mark.parametrize("content", [b"[traffic", b"\xff", b"traffic = 5\n"])
def test_a_file_that_is_no_profile_is_refused(tmp_path, content):
    path = tmp_path / "a.toml"
    path.write_bytes(content)
    with pytest.raises(CapacityError) as refused:
        profile(path, {"traffic": {"subscribers": 1e6}})
    assert str(path) in refused.value.where


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError):
        profile(tmp_path / "none.toml", {})
