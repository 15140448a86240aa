"""Tables that `rebuild` makes, loaded into the systems they are for and asked there."""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from portdip import Engine, open_engine
from portdip.batch.rebuild.rebuild import Plan, rebuild
from portdip.table.store import Store
from tests.interop.programs import loopback_address, output, running
from tests.interop.sip import Caller
from tests.lookup.stores import KINDS, NATIVE, NUMBERS, PORTED, RANGES, make_store
from tests.service.nodes import free_port

#: Every number where an answer begins or ends, and one more on each side.
NUMBERS_ASKED = sorted(
    {
        edge + step
        for edge in [*KINDS, *(row[0] for row in NUMBERS), *(bound for row in RANGES for bound in row[:2])]
        for step in (-1, 0, 1)
    }
)
CARRIERS = {
    "CM": "10.0.0.1:5060",
    "CT": "10.0.0.2:5060",
    "CU": "10.0.0.3:5060",
    "ILEC": "10.0.0.4:5060",
}
SCHEMAS = Path("/usr/share/kamailio/db_sqlite")
CONFIGURATION = Path(__file__).with_name("rebuilt.cfg")

kamailio = pytest.mark.system("kamailio", "kamailio")
with_sqlite = pytest.mark.system(str(SCHEMAS / "mtree-create.sql"), "kamailio-sqlite-modules")
both_ways = pytest.mark.parametrize("exact", [False, True], ids=["as-it-is", "aggregated"])


@pytest.fixture(scope="module")
def engine(store) -> Engine:
    return open_engine(store)


def expected(engine: Engine, number: int, form: str) -> str | None:
    """What a system says of a number, by the engine; None for nothing."""
    dip = engine.dip(number)
    return form.format(dip.carrier.id, dip.routing_number) if dip.carrier else None


@contextlib.contextmanager
def loaded(folder: Path, *scripts: Path) -> Iterator[tuple[Caller, Path]]:
    """Kamailio over a database that some scripts were run in, and a caller at it."""
    folder.mkdir()
    with contextlib.closing(sqlite3.connect(folder / "tables")) as database:
        for script in (*(SCHEMAS / f"{name}-create.sql" for name in ("standard", "mtree", "drouting")), *scripts):
            database.executescript(script.read_text())
    port = free_port()
    text = CONFIGURATION.read_text().replace("FOLDER", str(folder)).replace("PORT", str(port))
    (folder / "kamailio.cfg").write_text(text)
    command = [shutil.which("kamailio") or "", "-DD", "-E", "-f", str(folder / "kamailio.cfg"), "-Y", str(folder)]
    with Caller(port) as caller, running(command, folder / "log", caller.answers):
        yield caller, folder / "rpc"


@kamailio
@with_sqlite
@both_ways
@pytest.mark.parametrize("nobody", ["", "nobody"])
def test_kamailio_mtree_answers_as_the_engine(store, engine, tmp_path, exact, nobody):
    rebuild(store, tmp_path / "out", Plan("kamailio-mtree", {"nobody": nobody}, exact=exact))
    with loaded(tmp_path / "kamailio", tmp_path / "out" / "mtree.sql") as (caller, _):
        for number in NUMBERS_ASKED:
            value = caller.request(f"sip:{number}@mtree.example").contact
            found = None if value in ("", "nobody") else value
            assert found == expected(engine, number, "{};{}"), number


@kamailio
@with_sqlite
@both_ways
def test_kamailio_drouting_answers_as_the_engine(store, engine, tmp_path, exact):
    out = tmp_path / "out"
    rebuild(store, out, Plan("kamailio-drouting", {}, CARRIERS, exact=exact))
    with loaded(tmp_path / "kamailio", out / "dr_gateways.sql", out / "dr_rules.sql") as (caller, _):
        for number in NUMBERS_ASKED:
            contact = caller.request(f"sip:{number}@127.0.0.1").contact
            dip = engine.dip(number)
            host = CARRIERS[dip.carrier.id].split(":")[0] if dip.carrier else ""
            assert contact == (f"{host} {dip.routing_number}" if dip.carrier else ""), number


@kamailio
@with_sqlite
def test_changes_are_taken_by_tables_of_kamailio(tmp_path):
    store = make_store(tmp_path / "store")
    rebuild(store, tmp_path / "all", Plan("kamailio-mtree"))
    with Store.open(store).writer() as writer:
        writer.port(NATIVE, "CT", "D100")
        writer.release(PORTED)
    rebuild(store, tmp_path / "changes", Plan("kamailio-mtree", since=tmp_path / "all"))
    scripts = [tmp_path / name / "mtree.sql" for name in ("all", "changes")]
    with loaded(tmp_path / "kamailio", *scripts) as (_, rpc):
        told = [
            output("kamcmd", "-s", f"unix:{rpc}", "mtree.match", "portdip", f"s:{n}", "0") for n in (NATIVE, PORTED)
        ]
    assert ["CT;D100" in told[0], "CM;" in told[1]] == [True, True]


@pytest.mark.system("redis-server", "redis-server")
@both_ways
def test_redis_answers_as_the_engine(store, engine, tmp_path, exact):
    rebuild(store, tmp_path / "out", Plan("redis", {"nobody": "nobody"}, exact=exact))
    with redis(tmp_path) as ask:
        said = ask("--pipe", given=(tmp_path / "out" / "redis.resp").read_bytes())
        assert "errors: 0" in said
        for number in NUMBERS_ASKED:
            digits = str(number)
            beginnings = [f"np:{digits[:count]}" for count in range(len(digits), 0, -1)]
            found = next((line for line in ask("MGET", *beginnings).splitlines() if line), None)
            assert (found if found != "nobody" else None) == expected(engine, number, "{};{}"), number
        assert ask("GET", "np:@sequence") == "1\n"


@contextlib.contextmanager
def redis(folder: Path):
    """Redis, and what asks it."""
    port = str(free_port())
    base = ["redis-cli", "-p", port]

    def ask(*words: str, given: bytes = b"") -> str:
        return subprocess.run([*base, *words], input=given, capture_output=True, check=True, timeout=20).stdout.decode()

    def ready() -> bool:
        return subprocess.run([*base, "PING"], capture_output=True, timeout=20).stdout == b"PONG\n"

    command = ["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with running(command, folder / "redis.log", ready):
        yield ask


@pytest.mark.system("knotd", "knot")
@pytest.mark.system("dig", "bind9-dnsutils")
@both_ways
def test_knot_answers_as_the_engine(store, engine, tmp_path, exact):
    rebuild(store, tmp_path / "out", Plan("enum-zone", exact=exact))
    with knot(tmp_path, tmp_path / "out" / "enum.zone") as ask:
        answers = ask([".".join(reversed(str(number))) + ".e164.arpa" for number in NUMBERS_ASKED])
    for number, answer in zip(NUMBERS_ASKED, answers, strict=True):
        dip = engine.dip(number)
        after = f";npdi;rn={dip.routing_number}" if dip.routing_number else ";npdi"
        assert answer == (f"tel:+{number}{after}" if dip.carrier else ""), number


@contextlib.contextmanager
def knot(folder: Path, zone: Path):
    """Knot with a zone, and what asks it: the URIs that names become, "" for none."""
    address = loopback_address()
    (folder / "knot.conf").write_text(
        f'server:\n  rundir: "{folder}"\n  listen: {address}@5353\n'
        f'database:\n  storage: "{folder}"\n'
        f'zone:\n  - domain: e164.arpa\n    file: "{zone}"\n    zonefile-load: whole\n    journal-content: none\n'
        "    semantic-checks: on\n"
    )
    dig = ["dig", "+noall", "+answer", "+norecurse", f"@{address}", "-p", "5353"]

    def ask(names: list[str]) -> list[str]:
        said = output(*dig, *(word for name in names for word in (name, "NAPTR")))
        found = {}
        for line in said.splitlines():
            owner, _, _, _, _, _, _, _, expression, _ = line.split()
            pattern, outcome = expression.strip('"').split("!")[1:3]
            name = owner.removesuffix(".")
            number = "+" + "".join(reversed(name.removesuffix(".e164.arpa").split(".")))
            found[name] = re.sub(pattern.replace("\\\\", "\\"), outcome.replace("\\\\", "\\"), number, count=1)
        return [found.get(name, "") for name in names]

    def ready() -> bool:
        return (
            "NOERROR" in subprocess.run([*dig, "+comments", "e164.arpa", "SOA"], capture_output=True, text=True).stdout
        )

    with running(["knotd", "-c", str(folder / "knot.conf")], folder / "knot.log", ready):
        yield ask


@pytest.mark.system("nsd-checkzone", "nsd")
@both_ways
def test_nsd_takes_the_zone(store, tmp_path, exact):
    rebuild(store, tmp_path / "out", Plan("enum-zone", exact=exact))
    assert "is ok" in output("nsd-checkzone", "e164.arpa", tmp_path / "out" / "enum.zone")


@pytest.mark.system("sqlite3", "sqlite3")
def test_asterisks_database_is_loaded_as_its_page_says(store, engine, tmp_path):
    rebuild(store, tmp_path / "out", Plan("asterisk-csv"))
    database = tmp_path / "astdb.sqlite3"
    with contextlib.closing(sqlite3.connect(database)) as made:
        made.execute("CREATE TABLE astdb(key VARCHAR(256), value VARCHAR(256), PRIMARY KEY(key))")
    output("sqlite3", database, ".mode csv", f".import {tmp_path / 'out' / 'astdb.csv'} astdb")
    with contextlib.closing(sqlite3.connect(database)) as made:
        values = dict(made.execute("SELECT key, value FROM astdb"))
    for number in NUMBERS_ASKED:
        keys = [f"/np/{str(number)[:count]}" for count in range(len(str(number)), 0, -1)]
        assert next((values[key] for key in keys if key in values), None) == expected(engine, number, "{};{}"), number
