"""Kamailio asks by ENUM (`enum_query`), which goes through the resolver of its host."""

import socket

import pytest

from tests.interop.kamailio import GATEWAY, contact, kamailio, sipp, user_parts
from tests.interop.programs import loopback_address
from tests.interop.unbound import unbound
from tests.lookup.stores import NATIVE, PORTED, UNALLOCATED

pytestmark = [pytest.mark.mount, pytest.mark.system("kamailio", "kamailio")]


@pytest.mark.parametrize(
    ("form", "ported", "native"),
    [
        ("npdi", "+{};npdi;rn=D002", "+{};npdi"),
        ("rn", "+{};npdi;rn=D002", "+{0};npdi;rn=+{0}"),
        ("plain", "+{};npdi;rn=D002", "+{}"),
        ("lrn", "D002", "+{}"),
    ],
)
def test_the_contact_has_four_forms(name_server, tmp_path, form, ported, native):
    with kamailio(tmp_path / "kamailio", name_server, apex="e164.arpa", contact=form) as caller:
        assert user_parts(caller) == [
            f"{ported.format(PORTED)}@{GATEWAY};user=phone", f"{native.format(NATIVE)}@{GATEWAY};user=phone", "404"
        ]  # fmt: skip


def test_a_node_that_is_down_is_another_thing_than_an_unknown_number(tmp_path):
    with kamailio(tmp_path / "kamailio", loopback_address(), apex="e164.arpa") as caller:
        assert caller.request(f"sip:+{UNALLOCATED}@127.0.0.1").status == 503


def test_a_call_waits_a_second_for_a_node_that_is_silent(tmp_path):
    address = loopback_address()
    with (
        socket.socket(type=socket.SOCK_DGRAM) as silent,
        kamailio(tmp_path / "kamailio", address, apex="e164.arpa", failed_route="by-prefix.example") as caller,
    ):
        silent.bind((address, 53))
        reply = caller.request(f"sip:+{PORTED}@127.0.0.1", timeout_s=2.5)
        assert reply.contact == f"sip:+{PORTED}@by-prefix.example;user=phone"


@pytest.mark.system("sipp", "sip-tester")
@pytest.mark.system("unbound", "unbound")
def test_through_the_resolver_of_the_host(name_server, tmp_path):
    (tmp_path / "numbers.csv").write_text(f"SEQUENTIAL\n+{PORTED};\n+{NATIVE};\n+{UNALLOCATED};\n")
    with (
        unbound(tmp_path / "unbound", f"{name_server}@53") as resolver,
        kamailio(tmp_path / "kamailio", resolver, apex="e164.arpa") as caller,
    ):
        calls = sipp(caller, tmp_path, calls=300, rate=150)
    assert len(calls) == 300
    assert set(calls) == {
        f"+{PORTED} 302 <{contact(f'+{PORTED};npdi;rn=D002')}>",
        f"+{NATIVE} 302 <{contact(f'+{NATIVE};npdi')}>",
        f"+{UNALLOCATED} 404",
    }
