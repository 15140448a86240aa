def test_without_options_it_is_the_deployed_file(portdip):
    finished = portdip("kamailio-config")
    assert finished.code == 0
    assert finished.out.startswith("#!KAMAILIO\n")
    assert '#!define PDB_SERVERS "127.0.0.1:5574"' in finished.out


def test_the_addresses_are_those_given(portdip):
    out = portdip(
        "kamailio-config", "--pdb", "10.0.0.1:5574", "--pdb", "10.0.0.2:5574", "--listen", "10.0.0.9:5060",
        "--client", "10.0.0.0/8", "--gateway", "gw.example", "--contact", "lrn", "--rn-prefix", "0B",
        "--unknown-route", "default.example", "--failed-route", "by-prefix.example", "--timeout-ms", 40,
    ).out  # fmt: skip
    assert out.splitlines()[1 : out.splitlines().index("")] == [
        '#!substdef "!LISTEN!10.0.0.9:5060!g"',
        '#!define CLIENTS "10.0.0.0/8"',
        '#!define GATEWAY "gw.example"',
        "#!define CONTACT_LRN",
        "#!define WITH_PDB",
        '#!define PDB_SERVERS "10.0.0.1:5574,10.0.0.2:5574"',
        "#!define PDB_TIMEOUT_MS 40",
        '#!define RN_PREFIX "0B"',
        "#!define OTHER_CARRIER 1000",
        '#!define UNKNOWN_ROUTE "default.example"',
        '#!define FAILED_ROUTE "by-prefix.example"',
    ]


def test_the_carrier_that_stands_for_all_others_is_that_of_the_settings(portdip, monkeypatch):
    monkeypatch.setenv("PORTDIP_ACCESS__PDB_SERVER__OTHER", "999")
    assert "#!define OTHER_CARRIER 999" in portdip("kamailio-config").out


def test_enum_is_chosen_by_its_apex(portdip):
    out = portdip("kamailio-config", "--enum", "e164.arpa").out
    assert '#!define APEX "e164.arpa."' in out
    assert "#!define WITH_PDB" not in out


def test_what_is_no_address_is_refused(portdip):
    finished = portdip("kamailio-config", "--pdb", "10.0.0.1")
    assert (finished.code, finished.out) == (2, "")
    assert "pdb" in finished.err
