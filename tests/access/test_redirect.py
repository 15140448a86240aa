from pathlib import Path

import pytest

from portdip.access.redirect import CONTACTS, Redirect
from portdip.errors import SettingsError

DEPLOYED = Path(__file__).parents[2] / "deploy" / "kamailio" / "redirect.cfg"


def definitions(**options) -> list[str]:
    """What stands before the part that is the same for everybody."""
    lines = Redirect(**options).configuration().splitlines()
    assert lines[0] == "#!KAMAILIO"
    return lines[1 : lines.index("")]


def test_the_deployed_file_is_what_is_printed():
    assert DEPLOYED.read_text() == Redirect().configuration(), "portdip kamailio-config > deploy/kamailio/redirect.cfg"


def test_pdb_asks_all_servers():
    said = definitions(servers=["10.0.0.1:5574", "np2.example:5574"], timeout_ms=40, rn_prefix="0B", other=999)
    assert "#!define WITH_PDB" in said
    assert '#!define PDB_SERVERS "10.0.0.1:5574,np2.example:5574"' in said
    assert "#!define PDB_TIMEOUT_MS 40" in said
    assert '#!define RN_PREFIX "0B"' in said
    assert "#!define OTHER_CARRIER 999" in said
    assert "#!define WITH_ENUM" not in said


def test_enum_takes_an_apex_with_or_without_its_dot():
    for apex in ("e164.carrier.example", "e164.carrier.example."):
        said = definitions(apex=apex)
        assert {"#!define WITH_ENUM", '#!define APEX "e164.carrier.example."'} < set(said)
        assert not any("PDB" in line for line in said)


@pytest.mark.parametrize("contact", CONTACTS)
def test_one_form_of_the_contact_is_chosen(contact):
    assert [line for line in definitions(contact=contact) if "CONTACT" in line] == [
        f"#!define CONTACT_{contact.upper()}"
    ]


def test_routes_of_last_resort_are_there_if_asked_for():
    assert not any("ROUTE" in line for line in definitions())
    said = definitions(unknown_route="default.example:5070", failed_route="[2001:db8::1]")
    assert said[-2:] == ['#!define UNKNOWN_ROUTE "default.example:5070"', '#!define FAILED_ROUTE "[2001:db8::1]"']


def test_addresses_of_either_kind():
    said = definitions(listen="[::1]:5060", clients=["10.0.0.0/8", "2001:db8::/32"])
    assert '#!substdef "!LISTEN![::1]:5060!g"' in said
    assert '#!define CLIENTS "10.0.0.0/8,2001:db8::/32"' in said


@pytest.mark.parametrize(
    "options",
    [
        {"listen": "127.0.0.1"},
        {"listen": '127.0.0.1:5060"\n#!define X'},
        {"gateway": "gw example"},
        {"gateway": ""},
        {"contact": "number"},
        {"servers": ["127.0.0.1:5574", "np,2:5574"]},
        {"servers": ["127.0.0.1"]},
        {"apex": "e164..arpa"},
        {"clients": ["10.0.0.1/8"]},
        {"clients": ["everybody"]},
        {"rn_prefix": "D;x"},
        {"unknown_route": "a@b"},
        {"failed_route": "a;b"},
    ],
    ids=str,
)
def test_nothing_gets_into_the_file_that_is_no_value(options):
    with pytest.raises(SettingsError):
        Redirect(**options).configuration()
