"""What each target's files look like, what it refuses, and how tables that cannot be installed here take them."""

import contextlib
import sqlite3

import pyarrow.parquet as pq
import pytest

from portdip.batch.rebuild import targets
from portdip.batch.rebuild.rebuild import Plan, rebuild
from portdip.errors import RebuildError, TargetLimitError
from portdip.table.store import Store
from tests.batch.rebuild import made

CARRIERS = {"A": "1", "B": "22", "C": "333"}
RULES = {"8610": "A", "8611": "B;0A", "8610007": "C;D2", "491": "A"}

#: Of OpenSIPS 3.x and of FreeSWITCH's mod_lcr, with types that SQLite has; see the modules of the targets for where
#: they are from.
OPENSIPS = """
CREATE TABLE dr_gateways (id INTEGER PRIMARY KEY NOT NULL, gwid CHAR(64) NOT NULL, type INTEGER DEFAULT 0 NOT NULL,
    address CHAR(128) NOT NULL, strip INTEGER DEFAULT 0 NOT NULL, pri_prefix CHAR(16) DEFAULT NULL,
    attrs CHAR(255) DEFAULT NULL, probe_mode INTEGER DEFAULT 0 NOT NULL, state INTEGER DEFAULT 0 NOT NULL,
    socket CHAR(128) DEFAULT NULL, description CHAR(128) DEFAULT NULL, CONSTRAINT dr_gw_idx UNIQUE (gwid));
CREATE TABLE dr_rules (ruleid INTEGER PRIMARY KEY NOT NULL, groupid CHAR(255) NOT NULL, prefix CHAR(64) NOT NULL,
    timerec CHAR(255) DEFAULT NULL, priority INTEGER DEFAULT 0 NOT NULL, routeid CHAR(255) DEFAULT NULL,
    gwlist CHAR(255) NOT NULL, sort_alg CHAR(1) DEFAULT 'N' NOT NULL, sort_profile INTEGER DEFAULT NULL,
    attrs CHAR(255) DEFAULT NULL, description CHAR(128) DEFAULT NULL);
"""
FREESWITCH = """
CREATE TABLE carriers (id INTEGER PRIMARY KEY, carrier_name VARCHAR(255) NOT NULL, enabled BOOLEAN NOT NULL DEFAULT 1);
CREATE TABLE lcr (id INTEGER PRIMARY KEY, digits NUMERIC(20, 0), rate numeric(11,5) NOT NULL,
    intrastate_rate numeric(11,5) NOT NULL, intralata_rate numeric(11,5) NOT NULL,
    carrier_id integer NOT NULL REFERENCES carriers(id), lead_strip integer NOT NULL DEFAULT 0,
    trail_strip integer NOT NULL DEFAULT 0, prefix VARCHAR(16) NOT NULL DEFAULT '',
    suffix VARCHAR(16) NOT NULL DEFAULT '', lcr_profile INTEGER NOT NULL DEFAULT 0,
    date_start timestamp NOT NULL DEFAULT '1970-01-01', date_end timestamp NOT NULL DEFAULT '2030-12-31',
    quality numeric(10,6) NOT NULL DEFAULT 0, reliability numeric(10,6) NOT NULL DEFAULT 0,
    cid VARCHAR(32) NOT NULL DEFAULT '', enabled boolean NOT NULL DEFAULT 1);
"""


@pytest.fixture
def store(tmp_path):
    ranges = [(8610000, 8610999, "A"), (8611000, 8611999, "B;0A"), (491000, 491999, "A")]
    return made.store_of(tmp_path / "store", ranges, [(8610007, "C;D2")])


def text(store, out, target, name, carriers=CARRIERS, **options):
    rebuild(store, out, Plan(target, options, carriers))
    return (out / name).read_text()


def test_every_target_says_in_words_what_it_makes():
    for name in targets.names():
        assert (targets.load(name).__doc__ or "").count("\n") > 2, name


def test_an_unknown_target_or_option_is_named(store, tmp_path):
    with pytest.raises(RebuildError, match=r"no such target.*kamailio-mtree.*got yate"):
        rebuild(store, tmp_path / "out", Plan("yate"))
    with pytest.raises(RebuildError, match=r"no such option; at redis; expected one of key.*got colour"):
        rebuild(store, tmp_path / "out", Plan("redis", {"colour": "red"}))


def test_kamailio_mtree_as_csv(store, tmp_path):
    assert text(store, tmp_path / "out", "kamailio-mtree", "mtree.csv", format="csv", lead="00") == (
        "tname,tprefix,tvalue\nportdip,00491,A;\nportdip,008610,A;\nportdip,008610007,C;D2\nportdip,008611,B;0A\n"
    ).replace("008610007", "008610007")


def test_pdbt(store, tmp_path):
    assert text(store, tmp_path / "out", "pdbt-csv", "pdb.csv") == "491;001\n8610;001\n8610007;333\n8611;022\n"


def test_csv_has_the_columns_asked_for(store, tmp_path):
    asked = {"columns": "carrier:who,prefix,mapped,ported:own", "delimiter": ";"}
    assert text(store, tmp_path / "out", "csv", "rules.csv", **asked) == (
        "who;prefix;mapped;own\nA;491;1;false\nA;8610;1;false\nC;8610007;333;true\nB;8611;22;false\n"
    )


@pytest.mark.parametrize("columns", ["carrier", "prefix,colour", "prefix,carrier:x,name:x", ""])
def test_columns_that_there_are_not_are_refused(store, tmp_path, columns):
    for target in ("csv", "parquet"):
        with pytest.raises(RebuildError, match="not columns that can be written"):
            rebuild(store, tmp_path / "out", Plan(target, {"columns": columns}))


def test_parquet_and_its_changes(store, tmp_path):
    rebuild(store, tmp_path / "all", Plan("parquet"))
    rows = pq.read_table(tmp_path / "all" / "rules.parquet").to_pylist()
    assert {row["prefix"]: f"{row['carrier']};{row['routing_number']}".rstrip(";") for row in rows} == RULES
    assert [row["prefix"] for row in rows if row["ported"]] == ["8610007"]
    made.changed(store, release=[(8610007,)], port=[(8611222, "A")])
    rebuild(store, tmp_path / "changes", Plan("parquet", since=tmp_path / "all"))
    changes = pq.read_table(tmp_path / "changes" / "rules.parquet").to_pylist()
    assert changes == [
        {"operation": "delete", "prefix": "8610007", "carrier": None, "routing_number": None, "ported": None},
        {"operation": "set", "prefix": "8611222", "carrier": "A", "routing_number": "", "ported": True},
    ]


def test_redis_commands_count_their_bytes(store, tmp_path):
    commands = (text(store, tmp_path / "out", "redis", "redis.resp", value="é{carrier}")).replace("\n", "\r\n")
    assert "*3\r\n$3\r\nSET\r\n$6\r\nnp:491\r\n$3\r\néA\r\n" in commands
    made.changed(store, release=[(8610007,)])
    rebuild(store, tmp_path / "changes", Plan("redis", {"value": "é{carrier}"}, CARRIERS, since=tmp_path / "out"))
    assert (tmp_path / "changes" / "redis.resp").read_bytes() == (
        b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*2\r\n$3\r\nDEL\r\n$10\r\nnp:8610007\r\n"
        b"*3\r\n$3\r\nSET\r\n$12\r\nnp:@sequence\r\n$1\r\n2\r\n"
    )


def tables(schema, *scripts):
    database = sqlite3.connect(":memory:")
    for script in (schema, *(path.read_text() for path in scripts)):
        database.executescript(script)
    return contextlib.closing(database)


def test_opensips_takes_rules_and_changes(store, tmp_path):
    plan = Plan("opensips-drouting", {"pri_prefix": "yes", "groupid": "7"}, CARRIERS)
    rebuild(store, tmp_path / "all", plan)
    made.changed(store, release=[(8610007,)], port=[(8611222, "C", "D2"), (8611223, "A")])
    rebuild(store, tmp_path / "changes", Plan(plan.target, plan.options, plan.carriers, since=tmp_path / "all"))
    files = [tmp_path / name / file for name in ("all", "changes") for file in ("dr_gateways.sql", "dr_rules.sql")]
    with tables(OPENSIPS, *files, files[3]) as database:
        found = database.execute(
            "SELECT prefix, address, pri_prefix, groupid FROM dr_rules JOIN dr_gateways ON gwlist = gwid ORDER BY 1"
        )
        assert list(found) == [
            ("491", "1", "", "7"), ("8610", "1", "", "7"), ("8611", "22", "0A", "7"), ("8611222", "333", "D2", "7"),
            ("8611223", "1", "", "7"),
        ]  # fmt: skip


def test_freeswitch_takes_rules_and_changes(store, tmp_path):
    rebuild(store, tmp_path / "all", Plan("freeswitch-lcr", {}, CARRIERS))
    made.changed(store, release=[(8610007,)], port=[(8611222, "A")])
    rebuild(store, tmp_path / "changes", Plan("freeswitch-lcr", {}, CARRIERS, since=tmp_path / "all"))
    files = [tmp_path / name / file for name in ("all", "changes") for file in ("carriers.sql", "lcr.sql")]
    with tables(FREESWITCH, *files, files[2]) as database:
        found = database.execute(
            "SELECT digits, carrier_name, prefix FROM lcr JOIN carriers c ON c.id = carrier_id ORDER BY '' || digits"
        )
        assert list(found) == [(491, "A", ""), (8610, "A", ""), (8611, "B", "0A"), (8611222, "A", "")]


def test_changes_may_be_run_twice(store, tmp_path):
    rebuild(store, tmp_path / "all", Plan("freeswitch-lcr", {}, CARRIERS))
    made.changed(store, port=[(8611222, "A")])
    rebuild(store, tmp_path / "changes", Plan("freeswitch-lcr", {}, CARRIERS, since=tmp_path / "all"))
    script = tmp_path / "changes" / "lcr.sql"
    with tables(FREESWITCH, script, script) as database:
        assert list(database.execute("SELECT digits FROM lcr")) == [(8611222,)]


@pytest.mark.parametrize(
    ("target", "options", "carriers", "reason"),
    [
        ("pdbt-csv", {}, {**CARRIERS, "B": "1000"}, "carrier B has '1000', not a number from 1 to 999"),
        ("pdbt-csv", {}, {**CARRIERS, "B": "0"}, "carrier B has '0'"),
        ("freeswitch-lcr", {}, {**CARRIERS, "A": "2147483648"}, "not a number from 1 to 2147483647"),
        ("freeswitch-lcr", {"lead": "000000000"}, CARRIERS, "a prefix is too long.*at most 6 digits.*7 digits"),
        ("kamailio-mtree", {"lead": "0" * 26}, CARRIERS, "a prefix is too long.*at most 6 digits"),
        ("kamailio-mtree", {"value": "{carrier}" * 129}, CARRIERS, "more than 128 characters"),
        ("kamailio-mtree", {"value": "{mapped}"}, {"A": "1"}, "carrier [BC] is not in the map"),
        ("kamailio-mtree", {"value": "\\{carrier}"}, CARRIERS, "has a backslash"),
        ("kamailio-drouting", {}, {"A": "10.0.0.1"}, "is not in the map of --carriers"),
        ("kamailio-drouting", {"rules_max": "3"}, CARRIERS, "too many rules.*at most 3; got 4"),
        ("opensips-drouting", {}, CARRIERS | {"A": "x" * 129}, "more than 128 characters"),
        ("redis", {"value": "{carrier}\n"}, CARRIERS, "not one line of text"),
        ("enum-zone", {"uri": "tel:+{number};x=" + "y" * 230, "plain": "sip: {number}"}, CARRIERS, "no URI.*too long"),
    ],
)  # fmt: skip
def test_what_a_system_cannot_take_is_said_before_anything_is_written(
    store, tmp_path, target, options, carriers, reason
):
    with pytest.raises(TargetLimitError, match=f"(?s){reason}|too long.*no URI"):
        rebuild(store, tmp_path / "out", Plan(target, options, carriers))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("target", "option", "value"),
    [
        ("kamailio-mtree", "format", "xml"),
        ("kamailio-mtree", "table", "a; DROP TABLE b"),
        ("kamailio-mtree", "value", "{colour}"),
        ("kamailio-mtree", "value", "{carrier"),
        ("kamailio-mtree", "lead", "00x"),
        ("kamailio-drouting", "groupid", "one"),
        ("kamailio-drouting", "first_gwid", "4294967296"),
        ("opensips-drouting", "probe_mode", "3"),
        ("freeswitch-lcr", "rate", "1.5"),
        ("redis", "database", "-1"),
        ("csv", "delimiter", "ab"),
        ("asterisk-csv", "family", "a/b"),
        ("enum-zone", "origin", "not a name"),
        ("enum-zone", "service", "sip"),
        ("enum-zone", "ttl", "1h"),
    ],
)
def test_an_option_that_cannot_be_meant_is_named(store, tmp_path, target, option, value):
    with pytest.raises(RebuildError, match=f"(?s){option}|names what a route"):
        rebuild(store, tmp_path / "out", Plan(target, {option: value}, CARRIERS))


def test_a_zone_has_a_wildcard_at_every_node_that_hides_one(store, tmp_path):
    zone = text(store, tmp_path / "out", "enum-zone", "enum.zone")
    owners = [line.split()[0].removesuffix(".e164.arpa.") for line in zone.splitlines() if "NAPTR" in line]
    assert owners == ["*.1.9.4", "*.0.1.6.8", "*.0.0.1.6.8", "*.0.0.0.1.6.8", "7.0.0.0.1.6.8", "*.1.1.6.8"]
    assert f" {Store.open(store).chain.head.sequence} 3600 " in zone
