"""Carriers and routes get small integers that stay."""

import pyarrow as pa
import pytest

from portdip.errors import RoutesFullError
from portdip.exchange import rows
from portdip.table import catalogue, schema
from portdip.table.catalogue import Catalogue


@pytest.fixture
def empty():
    return Catalogue(schema.CARRIERS.empty_table(), schema.ROUTES.empty_table())


def codes(catalogue, carriers, routing_numbers):
    return catalogue.codes(pa.array(carriers, pa.string()), pa.array(routing_numbers, pa.string())).tolist()


def test_each_pair_of_carrier_and_routing_number_has_a_code(empty):
    assert codes(empty, ["A", "A", "B", "A"], ["1", "2", "1", "1"]) == [1, 2, 3, 1]


def test_a_null_carrier_has_code_0(empty):
    assert codes(empty, [None, "A"], ["", ""]) == [0, 1]
    assert codes(empty, [], []) == []


def test_codes_stay_when_the_tables_are_read_again(empty):
    codes(empty, ["A", "B"], ["1", "1"])
    again = Catalogue(empty.carrier_table(), empty.route_table())
    assert codes(again, ["C", "B", "A"], ["1", "1", "1"]) == [3, 2, 1]


def test_leading_zeros_and_hex_digits_tell_routing_numbers_apart(empty):
    assert codes(empty, ["A"] * 4, ["12", "012", "D12", "d12"]) == [1, 2, 3, 4]


def test_donors_are_rows_of_the_carriers_from_1(empty):
    codes(empty, ["A"], [""])
    assert empty.donors(pa.array(["B", None, "A", "B"])).tolist() == [2, 0, 1, 2]
    assert empty.donors(pa.array([None, None], pa.string())).tolist() == [0, 0]
    assert empty.carrier_table().column("id").to_pylist() == ["A", "B"]


def test_names_come_and_stay(empty):
    def name(carrier, name):
        empty.name(pa.record_batch([[carrier], [name]], schema=rows.CARRIERS))

    codes(empty, ["A"], [""])
    name("A", "First")
    name("A", "")
    name("B", "Second")
    assert empty.carrier_table().to_pydict() == {
        "id": ["A", "B"],
        "name": ["First", "Second"],
        "retired": [False, False],
    }


def test_a_reseller_s_route_is_a_route_of_its_own():
    routes = pa.Table.from_pylist(
        [{"code": 1, "carrier": "A", "routing_number": "1", "reseller": "R", "retired": False}], schema=schema.ROUTES
    )
    carriers = pa.table([["A", "R"], ["", ""], [False, False]], schema=schema.CARRIERS)
    catalogue = Catalogue(carriers, routes)
    assert codes(catalogue, ["A"], ["1"]) == [2]
    assert catalogue.route_table().to_pylist()[0] == routes.to_pylist()[0]


def test_too_many_routes(empty):
    digits = [str(number) for number in range(65_534)]
    assert codes(empty, ["A"] * len(digits), digits) == list(range(1, 65_535))
    with pytest.raises(RoutesFullError, match=r"65534.*carrier A, routing number 77777"):
        codes(empty, ["A"], ["77777"])


def test_too_many_carriers(empty, monkeypatch):
    monkeypatch.setattr(catalogue, "CARRIERS_MAX", 2)
    with pytest.raises(RoutesFullError, match="too many carriers"):
        empty.donors(pa.array(["A", "B", "C"]))
