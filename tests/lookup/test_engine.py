"""The engine over a store: what each kind of number is answered, and what is refused."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

import portdip
from portdip.errors import InvalidNumberError, StoreError, UnknownRouteError
from portdip.lookup.engine import Engine, Pinned
from portdip.route import Carrier, Status
from portdip.table.store import Store
from tests.lookup import stores

CM, CT = Carrier("CM", "China Mobile"), Carrier("CT", "China Telecom")
CU = Carrier("CU", "China, Unicom")


@pytest.mark.parametrize(
    ("number", "status", "carrier", "routing_number", "range_holder"),
    [
        (stores.PORTED, "ported", CU, "D002", CM),
        (stores.PORTED_WITHOUT_ROUTING_NUMBER, "ported", CM, "", CT),
        (stores.PORTED_OUTSIDE_RANGES, "ported", CU, "d2701", None),
        (stores.NATIVE, "native", CM, "", CM),
        (stores.NATIVE_OF_INNER_RANGE, "native", CT, "D100", CT),
        (stores.NATIVE_OF_NANP, "native", Carrier("ILEC"), "12025550000", Carrier("ILEC")),
        (stores.WITHDRAWN, "unallocated", None, "", None),
        (stores.UNALLOCATED, "unallocated", None, "", None),
    ],
)
def test_each_kind_of_number_has_its_answer(engine, number, status, carrier, routing_number, range_holder):
    for question in (number, str(number), f"+{number}", np.uint64(number)):
        dip = engine.dip(question)
        assert (dip.number, dip.status, dip.ported) == (number, Status(status), status == "ported")
        assert (dip.carrier, dip.routing_number, dip.range_holder) == (carrier, routing_number, range_holder)
        assert (dip.sequence, dip.as_of) == (engine.sequence, engine.as_of)


@pytest.mark.parametrize(
    "malformed", ["", "+", "abc", "861380013800x", "0123", "1234567890123456", "86 138", "八六", 0, -5, 10**15, 2**70]
)
def test_what_is_no_number_is_invalid(engine, malformed):
    dip = engine.dip(malformed)
    assert (dip.number, dip.status, dip.carrier, dip.ported) == (None, Status.INVALID, None, False)


@pytest.mark.parametrize("wrong", [None, 8613800138000.0, True, b"8613800138000", ["1"]])
def test_what_is_neither_text_nor_integer_is_a_type_error(engine, wrong):
    with pytest.raises(TypeError):
        engine.dip(wrong)


@pytest.mark.parametrize("wrong", [-1, 0, 10**15, 2**70, "x"])
def test_the_row_or_history_of_what_is_no_number_is_refused(engine, wrong):
    for ask in (engine.record, engine.history):
        with pytest.raises(InvalidNumberError, match="not a number"):
            ask(wrong)


def test_route_codes_lead_to_the_routes_of_dips(engine):
    codes = engine.route_codes(np.array([*stores.KINDS, 0, 2**64 - 1], dtype=np.uint64), threads=2)
    assert codes.dtype == np.uint16
    carriers = [engine.routes[code].carrier if code else None for code in codes.tolist()]
    assert carriers == [engine.dip(number).carrier for number in stores.KINDS] + [None, None]
    assert [engine.index[number] for number in stores.KINDS] == codes.tolist()[:-2]


def test_the_engine_says_which_state_it_answers_from(engine):
    assert engine.sequence == engine.generation.sequence == 1
    assert engine.as_of.utcoffset().total_seconds() == 0
    assert engine.generation.dataset == "test"


@pytest.mark.parametrize("resident", [False, True])
def test_a_store_is_opened_by_path_or_text(store, resident):
    for path in (store, str(store)):
        assert portdip.open_engine(path, resident=resident).dip(stores.PORTED).carrier == CU


def test_what_is_no_store_is_refused_with_the_way_to_make_one(tmp_path):
    with pytest.raises(StoreError, match="portdip init"):
        portdip.open_engine(tmp_path / "nothing")


def test_a_code_without_a_route_is_refused_and_never_answered(engine, store):
    torn = Engine(Pinned(Store.open(store), replace(engine.generation, routes={})))
    with pytest.raises(UnknownRouteError, match="portdip verify"):
        torn.dip(stores.PORTED)


def test_one_engine_answers_from_many_threads(engine):
    def work(_):
        assert engine.annotate(pa.array(stores.KINDS * 50, pa.uint64()), threads=2)["status"].null_count == 0
        return [engine.dip(number).status for number in stores.KINDS]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(work, range(32)))
    assert all(answer == answers[0] for answer in answers)


def test_the_public_names_are_there_and_loaded_on_first_use():
    assert set(portdip.__all__) >= {"open_engine", "Engine", "Dip", "Route", "Carrier", "Status", "__version__"}
    for name in portdip.__all__:
        assert getattr(portdip, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        portdip.nothing  # noqa: B018
