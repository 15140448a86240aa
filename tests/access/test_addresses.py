import socket
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip.access.addresses import Address, bound
from portdip.errors import SettingsError


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        (":53", "127.0.0.1", 53),
        ("0.0.0.0:5574", "0.0.0.0", 5574),
        ("10.1.2.3:0", "10.1.2.3", 0),
        ("[::]:53", "::", 53),
        ("[2001:db8::1]:65535", "2001:db8::1", 65535),
    ],
)
def test_an_address_has_a_host_and_a_port(text, host, port):
    found = Address.parse(text)
    assert (found.host, found.port) == (host, port)
    assert Address.parse(str(found)) == found


@pytest.mark.parametrize("text", ["", "53", "10.0.0.1", ":", ":x", ":65536", "::1:53", "[::1]", "10.0.0.1:-1", ":٥٣"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(SettingsError, match="expected host:port"):
        Address.parse(text)


def test_a_host_that_is_not_there_is_refused():
    with pytest.raises(SettingsError, match="no such host"):
        Address.parse("nowhere.invalid:53")


@given(st.ip_addresses(), st.integers(0, 65535))
def test_any_numeric_address_is_read_back(address, port):
    found = Address(str(address), port)
    assert ip_address(Address.parse(str(found)).host) == address
    assert found.is_loopback == address.is_loopback


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_several_sockets_listen_on_one_address(kind):
    with bound(":0", kind) as one, bound(f":{one.getsockname()[1]}", kind) as other:
        assert one.getsockname() == other.getsockname()


def test_an_address_that_is_not_ours_is_refused_with_its_name():
    with pytest.raises(SettingsError, match=r"cannot listen; at 192\.0\.2\.1:5353.*Free the port or name another"):
        bound("192.0.2.1:5353", socket.SOCK_DGRAM)


def test_a_port_of_a_program_that_does_not_share_it_is_refused():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(SettingsError, match="in use"):
            bound(f":{taken.getsockname()[1]}", socket.SOCK_DGRAM)


def test_the_receive_buffer_is_as_asked():
    with bound(":0", socket.SOCK_DGRAM, 1 << 16) as made:
        # The kernel sets aside twice of it.
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) in {1 << 16, 1 << 17}
