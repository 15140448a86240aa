from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip.access import Clients
from portdip.errors import SettingsError
from portdip.settings.access import Access, Client


def clients(*networks: str) -> Clients:
    return Clients([Client(network=ip_network(network)) for network in networks], ["default"])


@st.composite
def networks(draw, version):
    """Networks that often lie in each other: their addresses differ in few bits."""
    make, bits = (IPv4Address, 32) if version == 4 else (IPv6Address, 128)
    length = draw(st.integers(0, bits))
    address = draw(st.sampled_from([10 << bits - 8, (10 << bits - 8) + 1, 10 << bits - 8 | 7 << bits // 2]))
    return ip_network(f"{make(address >> bits - length << bits - length)}/{length}")


@given(st.data(), st.sampled_from([4, 6]))
def test_the_narrowest_network_around_a_source_counts(data, version):
    given_networks = data.draw(st.lists(networks(version), max_size=12, unique=True))
    table = clients(*map(str, given_networks))
    for network in given_networks:
        first, last = int(network.network_address), int(network.broadcast_address)
        for number in {max(first - 1, 0), first, last, min(last + 1, 2**network.max_prefixlen - 1)}:
            address = type(network.network_address)(number)
            around = [i for i, other in enumerate(given_networks) if address in other]
            expected = max(around, key=lambda i: given_networks[i].prefixlen) if around else -1
            assert table.client(str(address)) == expected


def test_who_is_no_client_may_not_ask():
    assert clients().find("127.0.0.1") is None
    assert clients("10.0.0.0/8").find("11.0.0.0") is None
    assert clients("10.0.0.0/8").find("::1") is None


def test_by_default_only_this_machine_may_ask():
    found = Clients(Access().udp.clients, ["default"])
    assert [found.find(address) for address in ("127.0.0.1", "127.9.9.9", "::1", "10.0.0.1", "::2")] == [
        0,
        0,
        0,
        None,
        None,
    ]


def test_ipv4_mapped_into_ipv6_is_ipv4():
    table = clients("10.0.0.0/8")
    assert table.find("::ffff:10.0.0.1") == 0
    assert clients("::/0").find("::ffff:10.0.0.1") is None
    assert clients("::ffff:10.0.0.0/104").find("10.0.0.1") == 0


def test_a_zone_of_a_link_does_not_matter():
    assert clients("fe80::/10").find("fe80::1%eth0") == 0


def test_a_client_has_the_profile_that_it_names():
    named = [Client(network=ip_network(f"10.{i}.0.0/16"), profile=profile) for i, profile in enumerate(["b", "a", "b"])]
    table = Clients(named, ["a", "b"])
    assert [table.find(f"10.{i}.0.1") for i in range(3)] == [1, 0, 1]


def test_a_network_given_twice_is_refused():
    with pytest.raises(SettingsError, match=r"given twice; got 10\.0\.0\.0/8"):
        clients("10.0.0.0/8", "::1/128", "10.0.0.0/8")
    with pytest.raises(SettingsError, match="given twice"):
        clients("10.0.0.0/8", "::ffff:10.0.0.0/104")


def test_a_profile_that_is_not_there_is_refused():
    with pytest.raises(SettingsError, match="no such profile; at 10"):
        Clients([Client(network=ip_network("10.0.0.0/8"), profile="abroad")], ["default"])


def test_what_is_no_address_is_refused():
    with pytest.raises(ValueError, match="10"):
        clients().find("10.0.0")
