"""Kamailio asks by pdb (`pdb_query`)."""

from pathlib import Path

import pytest

from tests.interop.kamailio import GATEWAY, contact, kamailio, sipp, user_parts
from tests.interop.programs import output
from tests.interop.sip import Caller
from tests.lookup.stores import (
    NATIVE,
    PORTED,
    PORTED_OUTSIDE_RANGES,
    PORTED_WITHOUT_ROUTING_NUMBER,
    UNALLOCATED,
    WITHDRAWN,
)
from tests.service.nodes import CODES, Node, free_port

DEPLOYED = Path(__file__).parents[2] / "deploy" / "kamailio"

pytestmark = pytest.mark.system("kamailio", "kamailio")


def server(node: Node) -> str:
    return f"127.0.0.1:{node.pdb}"


@pytest.fixture(scope="module")
def caller(node, tmp_path_factory):
    with kamailio(tmp_path_factory.mktemp("kamailio") / "pdb", servers=[server(node)]) as caller:
        yield caller


def test_the_contact_names_the_carrier_in_the_user_part(caller):
    for number, carrier in ((PORTED, "CU"), (NATIVE, "CM"), (PORTED_OUTSIDE_RANGES, "CU")):
        reply = caller.request(f"sip:+{number}@127.0.0.1")
        assert (reply.status, reply.contact) == (302, contact(f"+{number};npdi;rn=D{CODES[carrier]}"))


@pytest.mark.parametrize(
    "form", ["sip:{}@x", "sip:{}@x;user=phone", "tel:+{}", "sip:+{:,}@x", "sip:+{};phone-context=+86@x"]
)
def test_a_number_may_be_written_in_any_way_of_sip(caller, form):
    reply = caller.request(form.format(PORTED).replace(",", "-"))
    assert reply.contact == contact(f"+{PORTED};npdi;rn=D{CODES['CU']}")


@pytest.mark.parametrize("number", [UNALLOCATED, WITHDRAWN])
def test_an_unknown_number_is_not_found(caller, number):
    assert caller.request(f"sip:+{number}@127.0.0.1").status == 404


@pytest.mark.parametrize("user", ["alice", "013800138000", "+86138x", "1" * 16])
def test_what_is_no_number_is_not_found(caller, user):
    assert caller.request(f"sip:{user}@127.0.0.1").status == 404


@pytest.mark.parametrize(
    ("uri", "user"),
    [
        ("sip:+{};npdi@x", "+{};npdi"),
        ("sip:+{};npdi;rn=+861234@x", "+{};npdi;rn=+861234"),
        ("sip:+{};rn=D7;npdi@x;user=phone", "+{};rn=D7;npdi"),
        ("sip:+{};rn=D7@x", "+{};rn=D7;npdi"),
        ("sip:+{}@x;npdi;rn=D7", "+{};rn=D7;npdi"),
        ("tel:+{};npdi;rn=D7", "+{};npdi;rn=D7"),
    ],
)
def test_who_has_dipped_already_is_sent_on_as_it_is(caller, uri, user):
    reply = caller.request(uri.format(PORTED))
    assert (reply.status, reply.contact) == (302, contact(user.format(PORTED)))


def test_other_requests_find_no_call(caller):
    replies = {method: caller.request(f"sip:+{PORTED}@x", method) for method in ("REGISTER", "BYE", "CANCEL")}
    assert {method: reply.status for method, reply in replies.items()} == {
        "REGISTER": 405,
        "BYE": 405,
        "CANCEL": 481,
    }
    assert "\r\nAllow: INVITE, ACK, CANCEL, OPTIONS\r\n" in replies["REGISTER"].text


@pytest.mark.parametrize("form", ["npdi", "rn", "plain"])
def test_every_number_has_a_routing_number_in_all_forms_with_parameters(node, tmp_path, form):
    """pdb does not say whether a number is ported."""
    with kamailio(tmp_path / "kamailio", servers=[server(node)], contact=form) as caller:
        assert user_parts(caller)[1] == f"+{NATIVE};npdi;rn=D1@{GATEWAY};user=phone"


def test_the_routing_number_may_stand_alone(node, tmp_path):
    with kamailio(tmp_path / "kamailio", servers=[server(node)], contact="lrn", rn_prefix="0B1") as caller:
        assert user_parts(caller)[:2] == [f"0B13@{GATEWAY};user=phone", f"0B11@{GATEWAY};user=phone"]


@pytest.mark.system("sipp", "sip-tester")
@pytest.mark.parametrize("transport", ["u1", "t1"])
def test_every_call_of_sipp_is_redirected(node, tmp_path, transport):
    numbers = {PORTED: "CU", NATIVE: "CM", PORTED_WITHOUT_ROUTING_NUMBER: "CM"}
    (tmp_path / "numbers.csv").write_text(
        "SEQUENTIAL\n" + "".join(f"+{number};\n" for number in [*numbers, UNALLOCATED])
    )
    with kamailio(tmp_path / "kamailio", servers=[server(node)]) as caller:
        calls = sipp(caller, tmp_path, calls=400, rate=200, transport=transport)
    known = {f"+{number} 302 <{contact(f'+{number};npdi;rn=D{CODES[name]}')}>" for number, name in numbers.items()}
    assert set(calls) == known | {f"+{UNALLOCATED} 404"}
    assert len(calls) == 400


def test_the_deployed_files_are_sound():
    output("kamailio", "-c", "-f", DEPLOYED / "redirect.cfg")


def test_unknown_numbers_may_have_a_default_route(node, tmp_path):
    with kamailio(tmp_path / "kamailio", servers=[server(node)], unknown_route="default.example") as caller:
        assert user_parts(caller)[2] == f"+{UNALLOCATED}@default.example;user=phone"


def test_one_of_two_pdb_servers_is_enough(node, tmp_path):
    with kamailio(tmp_path / "kamailio", servers=[f"127.0.0.1:{free_port()}", server(node)]) as caller:
        assert user_parts(caller) == [
            f"+{PORTED};npdi;rn=D3@{GATEWAY};user=phone", f"+{NATIVE};npdi;rn=D1@{GATEWAY};user=phone", "404"
        ]  # fmt: skip


def test_a_stale_node_does_not_deny_what_a_current_one_knows(stale_and_current, tmp_path):
    """The first reply counts, and it would be the stale node's."""
    with kamailio(tmp_path / "kamailio", servers=[server(node) for node in stale_and_current]) as caller:
        said = {caller.request(f"sip:+{UNALLOCATED}@127.0.0.1").contact for _ in range(200)}
    assert said == {contact(f"+{UNALLOCATED};npdi;rn=D3")}


def test_no_answer_in_time_is_another_thing_than_an_unknown_number(tmp_path):
    nobody = [f"127.0.0.1:{free_port()}"]
    with kamailio(tmp_path / "refusing", servers=nobody) as caller:
        reply = caller.request(f"sip:+{UNALLOCATED}@127.0.0.1")
        assert (reply.status, "Retry-After: 5" in reply.text) == (503, True)
    with kamailio(tmp_path / "routing", servers=nobody, failed_route="by-prefix.example") as caller:
        assert caller.request(f"sip:+{PORTED}@127.0.0.1").contact == f"sip:+{PORTED}@by-prefix.example;user=phone"


def test_who_is_no_client_gets_no_reply(node, tmp_path):
    with (
        kamailio(tmp_path / "kamailio", servers=[server(node)], clients=["127.0.0.1/32", "10.0.0.0/8"]) as caller,
        Caller(caller.address[1], source="127.0.0.2") as stranger,
    ):
        assert caller.request(f"sip:+{PORTED}@127.0.0.1").status == 302
        with pytest.raises(TimeoutError):
            stranger.request(f"sip:+{PORTED}@127.0.0.1", timeout_s=0.5)
