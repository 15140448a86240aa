from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip.access import Clients, Limits
from portdip.settings.access import Client


def limits(queries: int = 0, replies: int = 0, slip: int = 2, buckets: int = 1 << 10) -> Limits:
    networks = [ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")]
    clients = [Client(network=at, queries_per_second=queries, replies_per_second=replies) for at in networks]
    return Limits(Clients(clients, ["default"]), slip, buckets)


def admitted(kept: Limits, address: str, times: list[float]) -> int:
    return sum(kept.admits(address, at) for at in times)


def test_queries_are_limited_to_a_second_of_them_and_what_comes_back():
    kept = limits(queries=10)
    assert admitted(kept, "10.0.0.1", [100.0] * 50) == 10
    assert admitted(kept, "10.0.0.1", [100.35] * 50) == 3
    assert admitted(kept, "10.0.0.1", [200.0] * 50) == 10


@given(st.lists(st.floats(0, 5), max_size=100).map(sorted), st.integers(1, 20))
def test_no_second_has_more_queries_than_twice_the_limit(times, limit):
    kept = limits(queries=limit)
    passed = [at for at in times if kept.admits("10.0.0.1", 1000 + at)]
    for begin in passed:
        assert sum(begin <= at < begin + 1 for at in passed) <= 2 * limit
    assert len(passed) >= min(len(times), limit)


def test_a_steady_rate_at_the_limit_is_never_stopped():
    kept = limits(queries=50, replies=50)
    times = [1000 + turn / 50 for turn in range(500)]
    assert all(kept.admits("10.0.0.1", at) for at in times)
    assert {kept.replies("10.0.0.1", 7, at) for at in times} == {"send"}


def test_a_source_is_a_24_or_a_64():
    kept = limits(queries=1)
    assert kept.admits("10.0.0.1", 1.0)
    assert not kept.admits("10.0.0.200", 1.0)
    assert kept.admits("10.0.1.1", 1.0)
    assert kept.admits("2001:db8::1", 1.0)
    assert not kept.admits("2001:db8::ffff:1", 1.0)
    assert kept.admits("2001:db8:0:1::1", 1.0)


def test_no_limit_means_none():
    kept = limits()
    assert admitted(kept, "10.0.0.1", [1.0] * 10_000) == 10_000
    assert {kept.replies("10.0.0.1", 7, 1.0) for _ in range(10_000)} == {"send"}


def test_who_is_no_client_is_neither_admitted_nor_answered():
    assert not limits().admits("11.0.0.1", 1.0)
    assert limits().replies("11.0.0.1", 7, 1.0) == "drop"


def flood(kept: Limits, at: float, count: int, key: int = 7, address: str = "10.0.0.1") -> list[str]:
    return [kept.replies(address, key, at) for _ in range(count)]


def test_a_flood_of_equal_replies_is_cut_and_every_second_slips():
    kept = limits(replies=100)
    first = flood(kept, 1000.0, 1000)
    assert first[:200] == ["send"] * 200
    assert first[200:] == ["drop", "slip"] * 400
    assert "send" not in flood(kept, 1001.0, 1000)


def test_the_rate_of_a_flood_is_forgotten_after_some_seconds():
    kept = limits(replies=100)
    flood(kept, 1000.0, 1000)
    assert flood(kept, 1002.0, 1) != ["send"]
    assert flood(kept, 1006.0, 1) == ["send"]


def test_other_replies_and_other_sources_are_not_part_of_a_flood():
    kept = limits(replies=100)
    flood(kept, 1000.0, 1000)
    assert flood(kept, 1000.0, 1, key=8) == ["send"]
    assert flood(kept, 1000.0, 1, address="10.0.1.1") == ["send"]
    assert flood(kept, 1000.0, 1, address="10.0.0.9") != ["send"]


@pytest.mark.parametrize(("slip", "found"), [(0, ["drop"] * 6), (1, ["slip"] * 6), (3, ["drop", "drop", "slip"] * 2)])
def test_slip_says_how_many_go_out_truncated(slip, found):
    assert flood(limits(replies=1, slip=slip), 5.0, 8)[2:] == found


def test_a_clock_that_is_put_back_stops_nobody():
    kept = limits(queries=10, replies=10)
    assert admitted(kept, "10.0.0.1", [5000.0] * 20) == 10
    flood(kept, 5000.0, 100)
    assert admitted(kept, "10.0.0.1", [1000.0] * 20) == 10
    assert flood(kept, 1000.0, 1) == ["send"]


def test_more_sources_than_buckets_take_over_from_each_other_and_take_no_memory():
    kept = limits(queries=1, replies=1, buckets=2)
    for host in range(1000):
        assert kept.replies(f"10.{host // 250}.{host % 250}.1", host, 7.0) == "send"
    assert sum(kept.admits(f"10.0.{host}.1", 7.0) for host in range(250)) >= 100
