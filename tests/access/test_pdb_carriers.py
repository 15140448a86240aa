from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip.access.pdb_carriers import CARRIER_MAX, PdbTables, carrier_integers
from portdip.lookup.engine import open_engine
from portdip.route import Carrier
from portdip.settings.access import Pdb
from tests.lookup.stores import CARRIERS, make_store


@pytest.fixture(scope="module")
def generation(tmp_path_factory):
    return open_engine(make_store(tmp_path_factory.mktemp("pdb") / "store")).generation


def integers(names: str, **settings) -> dict[str, int]:
    return carrier_integers({Carrier(name) for name in names.split()}, Pdb(**settings))


def test_the_settings_say_which_integer_a_carrier_has():
    assert integers("CM CT", carriers={"CM": 11, "CT": 12, "gone": 13}) == {"CM": 11, "CT": 12, "gone": 13}


def test_an_id_that_is_an_integer_needs_no_setting():
    assert integers("11 011x 32767 007") == {"11": 11, "011x": 1000, "32767": 32_767, "007": 7}


def test_the_others_are_one():
    assert integers("CM 32768 46000 0 ٣ 999999999999999999999", other=999) == dict.fromkeys(
        ("CM", "32768", "46000", "0", "٣", "999999999999999999999"), 999
    )


def test_an_integer_that_could_be_two_carriers_is_neither():
    assert integers("11 011 12") == {"11": 1000, "011": 1000, "12": 12}
    assert integers("CM 11", carriers={"CM": 11}) == {"CM": 11, "11": 1000}


def test_the_settings_may_give_two_carriers_one_integer():
    assert integers("CM CT", carriers={"CM": 11, "CT": 11}) == {"CM": 11, "CT": 11}


names = st.sampled_from(["1", "01", "001", "2", "CM", "CT", "0", "1000", "40000"])


@given(st.sets(names), st.dictionaries(names, st.integers(1, CARRIER_MAX), max_size=3))
def test_no_integer_is_0_or_stands_for_two_carriers_unasked(present, given_):
    settings = Pdb(carriers=given_)
    found = carrier_integers({Carrier(name) for name in present}, settings)
    assert set(found) == present | set(given_)
    assert all(1 <= integer <= CARRIER_MAX for integer in found.values())
    own = [integer for name, integer in found.items() if name not in given_ and integer != settings.other]
    assert len(set(own)) == len(own)
    assert not set(own) & set(given_.values())


def test_codes_with_a_route_have_an_integer_and_others_0(generation):
    settings = Pdb(carriers={name: place for place, name in enumerate(CARRIERS, start=1)})
    tables = PdbTables.of(generation, settings, None)
    for code in range(65_536):
        route = generation.routes.get(code)
        assert tables.carriers[code] == (settings.carriers[route.carrier.id] if route else 0)
    assert tables.carriers.dtype == np.uint16


def test_tables_are_kept_while_routes_and_settings_stay(generation):
    before = PdbTables.of(generation, Pdb(), None)
    assert PdbTables.of(replace(generation, sequence=2), Pdb(), before) is before
    assert PdbTables.of(replace(generation, routes=dict(generation.routes)), Pdb(), before) is not before
    assert PdbTables.of(generation, Pdb(v0_not_found=-1), before).v0_not_found == -1


def test_tables_never_change(generation):
    with pytest.raises(ValueError, match="read-only"):
        PdbTables.of(generation, Pdb(), None).carriers[1] = 7
