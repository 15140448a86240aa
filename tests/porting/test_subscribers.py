"""Subscribers from a file."""

import pytest

from portdip.errors import BadRowError, MissingColumnError
from portdip.porting.actor import SYSTEM
from portdip.porting.donor_systems import SubscriberTable
from portdip.porting.subscribers import COLUMNS, import_csv
from tests.porting.world import GOOD, IDENTITY, NAME

HEAD = ",".join(COLUMNS)


def put(world, *rows, carrier="ALPHA"):
    lines = [HEAD, *(",".join((GOOD | row)[name] for name in COLUMNS) for row in rows)]
    return import_csv(world.database, world.vault, SYSTEM, carrier, lines, "subscribers.csv")


def test_a_later_row_replaces_an_earlier_one(world):
    number = str(world.number())
    assert put(world, {"number": number, "arrears": "5"}, {"number": f"+{number}", "arrears": "7"}) == 2
    table = SubscriberTable(world.database, world.vault, "ALPHA")
    assert table.subscriber(int(number)).arrears == 7
    put(world, {"number": number}, carrier="BETA")
    assert table.subscriber(int(number)) is None


def test_many_rows_are_taken_in_pieces(world, monkeypatch):
    monkeypatch.setattr("portdip.porting.subscribers._BATCH", 3)
    assert put(world, *({"number": str(world.number(place))} for place in range(8))) == 8


@pytest.mark.parametrize(
    "wrong",
    [
        {"number": "12x"},
        {"kind": "robot"},
        {"status": ""},
        {"real_name": "perhaps"},
        {"identity": " - "},
        {"arrears": "-1"},
        {"unbilled": "1.5"},
        {"joined": "2020-01-01"},
        {"joined": ""},
        {"contract_until": "soon"},
    ],
)
def test_a_row_that_is_wrong_is_named_by_its_line_not_by_the_person(world, wrong):
    with pytest.raises(BadRowError) as error:
        put(world, {"number": str(world.number())}, {"number": str(world.number(1)), **wrong})
    assert "subscribers.csv line 3" in str(error.value)
    assert IDENTITY not in str(error.value)
    assert NAME not in str(error.value)


def test_a_file_without_all_columns_is_refused(world):
    with pytest.raises(MissingColumnError, match="identity"):
        import_csv(world.database, world.vault, SYSTEM, "ALPHA", ["number,kind", "1,2"])
    with pytest.raises(MissingColumnError):
        import_csv(world.database, world.vault, SYSTEM, "ALPHA", [])


def test_a_row_that_ends_early_is_wrong(world):
    with pytest.raises(BadRowError):
        import_csv(world.database, world.vault, SYSTEM, "ALPHA", [HEAD, "8610000000000,personal"])
    with pytest.raises(BadRowError):
        import_csv(world.database, world.vault, SYSTEM, "ALPHA", [HEAD, '"8610000000000,personal'])
