import socket

import pytest

from portdip.access.addresses import Address
from portdip.errors import ServiceError, SettingsError
from portdip.service.sockets import Place, Sockets, bind, check_free, places
from portdip.settings.access import Access
from tests.service.nodes import free_port


def test_enum_is_spoken_over_both_and_no_place_is_named_twice():
    access = Access(http=(":1", "127.0.0.1:1"), enum=("[::1]:2",), pdb=(":3",))
    assert list(map(str, places(access))) == ["http 127.0.0.1:1", "enum [::1]:2", "enum_tcp [::1]:2", "pdb 127.0.0.1:3"]


def test_a_place_that_is_none_is_refused():
    with pytest.raises(SettingsError, match="not an address"):
        places(Access(pdb=("here",)))


@pytest.mark.parametrize("protocol", ["http", "pdb"])
def test_a_place_that_others_share_is_not_free(protocol):
    place = Place(protocol, Address("127.0.0.1", free_port()))
    with socket.socket(type=place.kind) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind((place.address.host, place.address.port))
        if protocol == "http":
            other.listen()
        with pytest.raises(ServiceError, match="cannot listen"):
            check_free([place])
    check_free([place])


def test_a_slot_keeps_the_sockets_of_connections_only():
    kept, left, new = (Place("http", Address("127.0.0.1", free_port())) for _ in range(3))
    datagrams = Place("pdb", kept.address)
    sockets = Sockets()
    sockets.keep([kept, left, datagrams])
    same = sockets[kept]
    sockets.keep([kept, new, datagrams])
    assert set(sockets) == {kept, new}
    assert sockets[kept] is same
    sockets.close()
    assert same.fileno() == -1


def test_whoever_takes_over_finds_the_connections_that_wait():
    place = Place("http", Address("127.0.0.1", free_port()))
    sockets = Sockets()
    sockets.keep([place])
    bind(place, sockets[place])
    with socket.create_connection((place.address.host, place.address.port), timeout=5) as waiting:
        waiting.sendall(b"first")
        bind(place, sockets[place])
        connection, _ = sockets[place].accept()
        with connection:
            assert connection.recv(10) == b"first"
    sockets.close()
