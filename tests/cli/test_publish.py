"""`portdip publish`: from a file of changes to deltas in the chain."""

import pytest

from portdip.exchange.changes import Operation
from portdip.table.store import Store
from tests.exchange.make_golden import DATA


@pytest.fixture
def changes(tmp_path):
    path = tmp_path / "changes.csv"
    path.write_text("operation,number,carrier,routing_number\nport,861,A,01\nport,862,A,01\nrelease,863,,\n")
    return path


def operations(store):
    chain = Store.open(store).chain
    return [found.rows.column("operation").to_pylist() for found in chain.after(chain.base)]


def test_says_what_it_published(portdip, fresh, changes):
    assert portdip("publish", fresh, changes) == (0, "published sequence 1: 2 port, 1 release\n", "")
    assert portdip("publish", fresh, changes, changes).out == "published sequence 2: 4 port, 2 release\n"
    assert operations(fresh) == [[1, 1, 2], [1, 1, 2, 1, 1, 2]]


def test_many_changes_are_several_deltas(portdip, fresh, tmp_path):
    path = tmp_path / "changes.csv"
    path.write_text("operation,first,last,carrier\n" + "".join(f"port,{n}0000,{n}9999,A\n" for n in range(100, 106)))
    assert portdip("publish", fresh, path).out == "published sequences 1 to 2: 60,000 port\n"


def test_a_bad_row_publishes_nothing(portdip, fresh, changes):
    changes.write_text(changes.read_text() + "port,abc,A,01\n")
    code, out, err = portdip("publish", fresh, changes)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"{changes}, row 5" in err
    assert operations(fresh) == []


def test_bad_rows_are_skipped_on_request(portdip, fresh, changes, tmp_path):
    changes.write_text(changes.read_text() + "port,abc,A,01\n")
    reject = tmp_path / "rejected.csv"
    code, out, _ = portdip("publish", fresh, changes, "--on-bad-rows", "skip", "--reject", reject)
    assert (code, out) == (0, f"published sequence 1: 2 port, 1 release\n1 rows rejected, they are in {reject}\n")
    assert "port,abc,A,01" in reject.read_text()


def test_only_bad_rows(portdip, fresh, changes, tmp_path):
    changes.write_text("operation,number\nport,1\n")
    out = portdip("publish", fresh, changes, "--on-bad-rows", "skip", "--reject", tmp_path / "rejected.csv").out
    assert out.startswith("nothing to publish\n1 rows rejected")
    assert operations(fresh) == []


def test_a_feeds_changes(portdip, fresh):
    sample = next((DATA / "feeds" / "npac-bdd").glob("202555-202556.*22-11-2026060000.22-11-2026070000"))
    code, out, err = portdip("publish", fresh, sample, "--feed", "npac-bdd")
    assert (code, err) == (0, "")
    assert out.startswith("published sequence 1: ")
    assert set(operations(fresh)[0]) == {Operation.PORT, Operation.RELEASE}


def test_a_feed_without_deltas(portdip, fresh, changes):
    code, _, err = portdip("publish", fresh, changes, "--feed", "csv")
    assert code == 2
    assert "the feed has no deltas; expected one of" in err


def test_a_signed_dataset(portdip, fresh, changes):
    key = portdip("keys", "new", fresh).out.split()[1]
    portdip("publish", fresh, changes)
    assert Store.open(fresh).chain.read(2).header.signer == key
    (fresh / "keys" / f"{key}.pem").unlink()
    code, _, err = portdip("publish", fresh, changes)
    assert code == 2
    assert "no private key here may sign it" in err
    assert len(operations(fresh)) == 2
