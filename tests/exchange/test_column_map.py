"""The column map: what its keys mean, and what is refused."""

from pathlib import Path

import pytest

from portdip.errors import FeedError, MissingColumnError
from portdip.exchange import column_map
from portdip.exchange.column_map import ColumnMap

FILE = Path("ported.csv")


@pytest.fixture
def load(tmp_path):
    def load(toml):
        path = tmp_path / "map.toml"
        path.write_text(toml)
        return column_map.load(path)

    return load


@pytest.mark.parametrize("path", sorted(Path("data/maps").glob("*.toml")), ids=lambda path: path.stem)
def test_every_sample_map_is_valid(path):
    assert column_map.load(path) != ColumnMap()


def test_without_a_map_columns_have_the_names_of_the_keys():
    layout = column_map.load(None).layout(["donor", "number", "note", "carrier"], FILE)
    assert layout.positions == {"number": 1, "carrier": 3, "donor": 0}
    assert not layout.ranges


def test_first_and_last_make_range_rows():
    layout = column_map.load(None).layout(["first", "last", "carrier"], FILE)
    assert layout.ranges
    assert layout.positions == {"first": 0, "last": 1, "carrier": 2}


def test_a_key_names_a_column_or_gives_its_position(load):
    layout = load('number = "TN"\ncarrier = 2').layout(["TN", "x", "x"], FILE)
    assert layout.positions == {"number": 0, "carrier": 2}


def test_a_missing_column_is_named_with_the_nearest_one():
    with pytest.raises(MissingColumnError, match=r"'carrier'.*ported\.csv.*number, Carier.*Did you mean 'Carier'"):
        ColumnMap().layout(["number", "Carier"], FILE)


def test_a_column_that_the_map_names_must_be_there(load):
    with pytest.raises(MissingColumnError, match="'RN' for `routing_number`"):
        load('routing_number = "RN"').layout(["number", "carrier", "routing_number"], FILE)


def test_a_position_beyond_the_last_column_is_refused(load):
    with pytest.raises(MissingColumnError, match=r"position 7.*2 columns"):
        load("carrier = 7").layout(["number", "carrier"], FILE)


@pytest.mark.parametrize(
    ("toml", "complaint"),
    [
        ('routing_numer = "RN"', "unknown key.*routing_numer.*Did you mean 'routing_number'"),
        ('delimiter = ";;"', "delimiter.*at most 1 character"),
        ('encoding = "klingon"', "encoding.*expected an encoding"),
        ('time = "yesterday"', "time.*strptime"),
        ('number_form = "national"', "country_code"),
        ('country_code = "86"', "country_code"),
        ('trunk_prefix = "0"', "trunk_prefix"),
        ("number = 1\nfirst = 2\nlast = 3", "not both"),
        ('header = false\nnumber = "TN"', "positions"),
        ("number = -1", "number"),
        ("number = true", "number"),
        ("number = ", "cannot be read"),
    ],
)
def test_a_map_that_makes_no_sense_is_refused(load, toml, complaint):
    with pytest.raises(FeedError, match=complaint):
        load(toml)


def test_a_map_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(FeedError, match="nowhere"):
        column_map.load(tmp_path / "nowhere.toml")
