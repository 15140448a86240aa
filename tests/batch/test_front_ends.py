"""Polars, DuckDB and pandas answer what dips say; each is imported only where it is asked for."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import portdip.batch.duckdb
import portdip.batch.pandas
import portdip.batch.polars
from portdip.batch import front_ends
from portdip.errors import AnnotateError, FrontEndError
from portdip.lookup.engine import Engine, open_engine
from tests.lookup import stores

ASKED = [*(str(number) for number in stores.KINDS), f"+{stores.PORTED}", "12x", "", None]
BEFORE, AFTER = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)


@pytest.fixture
def used(engine, monkeypatch) -> Engine:
    monkeypatch.setattr(front_ends, "_used", None)
    return front_ends.use(engine)


def expected(engine: Engine, asked: list[str | None] = ASKED) -> list[tuple[object, ...]]:
    rows = []
    for text in asked:
        if text is None:
            rows.append((None, None, None, None))
            continue
        dip = engine.dip(text)
        carrier, digits = (dip.carrier.id, dip.routing_number) if dip.carrier else (None, None)
        rows.append((carrier, digits, dip.ported, dip.status))
    return rows


NAMES = ["carrier", "routing_number", "ported", "status"]


class TestPolars:
    calls = pl.DataFrame({"called": ASKED})

    def test_each_expression(self, used):
        called = pl.col("called").portdip
        frame = self.calls.select(**{name: getattr(called, name)() for name in NAMES})
        assert frame.rows() == expected(used)
        assert frame.schema["carrier"] == pl.Categorical()

    def test_all_at_once(self, used):
        frame = self.calls.select(pl.col("called").portdip.dip().struct.unnest())
        assert frame.rows() == expected(used)

    @pytest.mark.parametrize("kind", ["in-memory", "streaming"])
    def test_lazy_frames(self, used, kind):
        many = pl.concat([self.calls] * 20_000).lazy()
        found = many.with_columns(x=pl.col("called").portdip.carrier()).group_by("x").len().collect(engine=kind)
        counts: dict[object, int] = {}
        for carrier, *_ in expected(used):
            counts[carrier] = counts.get(carrier, 0) + 20_000
        assert dict(found.rows()) == counts

    def test_the_schema_is_known_before_anything_is_asked(self, used):
        lazy = self.calls.lazy().select(pl.col("called").portdip.dip().struct.unnest())
        assert dict(lazy.collect_schema()) == {
            "carrier": pl.Categorical(),
            "routing_number": pl.Categorical(),
            "ported": pl.Boolean(),
            "status": pl.Categorical(),
        }

    @pytest.mark.parametrize("kind", [pl.Int64, pl.UInt64, pl.String, pl.Categorical])
    def test_numbers_of_any_type(self, used, kind):
        numbers = pl.DataFrame({"n": [stores.PORTED, None]}).cast(pl.String if kind is pl.Categorical else kind)
        assert numbers.cast(kind).select(pl.col("n").portdip.carrier())["n"].to_list() == ["CU", None]

    def test_an_empty_frame(self, used):
        assert self.calls.clear().select(pl.col("called").portdip.status()).schema == {"called": pl.Categorical()}

    def test_at_a_moment_of_its_own(self, used):
        calls = pl.DataFrame({"n": [str(stores.PORTED)] * 3, "at": [BEFORE, AFTER, None]})
        assert calls.select(pl.col("n").portdip.carrier(at="at"))["n"].to_list() == [None, "CU", None]
        assert calls.select(pl.col("n").portdip.status(at="at"))["n"].to_list() == ["before-history", "ported", None]
        naive = calls.with_columns(pl.col("at").dt.replace_time_zone(None))
        shanghai = pl.col("n").portdip.carrier(at=pl.col("at"), time_zone="Asia/Shanghai")
        assert naive.select(shanghai)["n"].to_list() == [None, "CU", None]
        with pytest.raises(AnnotateError, match="have no zone"):
            naive.select(pl.col("n").portdip.carrier(at="at"))

    def test_several_columns_at_moments(self, used):
        calls = pl.DataFrame({"called": [stores.PORTED] * 2, "calling": [0, None], "at": [BEFORE, AFTER]})
        asked = pl.col("called", "calling").portdip.status(at="at")
        for frame in (calls.select(asked), calls.lazy().select(asked).collect(engine="streaming")):
            assert frame.to_dict(as_series=False) == {
                "called": ["before-history", "ported"],
                "calling": ["invalid", None],
            }

    def test_floats_are_refused(self, used):
        with pytest.raises(AnnotateError, match="cannot hold phone numbers"):
            pl.DataFrame({"n": [1.5]}).select(pl.col("n").portdip.carrier())

    def test_an_engine_of_its_own(self, store, monkeypatch):
        monkeypatch.setattr(front_ends, "_used", None)
        with pytest.raises(FrontEndError, match="no store to ask"):
            pl.col("called").portdip.carrier()
        found = self.calls.select(pl.col("called").portdip.status(engine=store))
        assert found["called"].to_list() == [row[3] for row in expected(open_engine(store))]


class TestDuckDb:
    calls = pa.table({"called": pa.array(ASKED, pa.string())})

    @pytest.fixture
    def connection(self, engine):
        with duckdb.connect() as connection:
            portdip.batch.duckdb.register(connection, engine)
            connection.register("source", self.calls)
            connection.execute("CREATE TABLE calls AS SELECT * FROM source")
            yield connection

    def test_functions(self, connection, engine):
        chosen = ", ".join(f"portdip_{name}(called)" for name in NAMES)
        assert connection.sql(f"SELECT {chosen} FROM calls").fetchall() == expected(engine)

    def test_functions_of_a_moment(self, connection):
        asked = f"SELECT portdip_carrier_at('{stores.PORTED}', moment::TIMESTAMPTZ) FROM (VALUES {{}}) AS t (moment)"
        values = "('2024-01-01 00:00:00+00'), ('2024-02-01 00:00:00+00'), (NULL)"
        assert connection.sql(asked.format(values)).fetchall() == [(None,), ("CU",), (None,)]

    def test_a_whole_query_annotated(self, connection, engine):
        many = "SELECT called, i FROM calls, range(20000) AS r (i) ORDER BY i, calls.rowid"
        found = portdip.batch.duckdb.annotate(connection, many, "called", source=engine)
        assert found.columns == ["called", "i", *NAMES]
        for _ in range(2):
            assert found.limit(len(ASKED)).project(", ".join(NAMES)).fetchall() == expected(engine)
        counts = connection.sql("SELECT carrier, count(*) FROM found GROUP BY 1").fetchall()
        assert dict(counts)["CU"] == 20_000 * sum(row[0] == "CU" for row in expected(engine))

    def test_a_whole_query_annotated_as_arrow_batches(self, connection, engine):
        many = "SELECT called, i FROM calls, range(20000) AS r (i) ORDER BY i, calls.rowid"
        reader = portdip.batch.duckdb.annotated_batches(connection, many, "called", source=engine)
        found = reader.read_all()
        assert found.column_names == ["called", "i", *NAMES]
        assert [tuple(row.values()) for row in found.slice(0, len(ASKED)).select(NAMES).to_pylist()] == expected(engine)
        assert found.num_rows == 20_000 * len(ASKED)
        assert (
            found.column("carrier").combine_chunks().drop_null().value_counts().to_pylist()[0]["counts"] % 20_000 == 0
        )

    def test_a_query_that_fails_does_so_where_its_batches_are_read(self, connection, engine):
        many = "SELECT called, CASE WHEN i = 199999 THEN error('late') END FROM calls, range(200000) AS r (i)"
        reader = portdip.batch.duckdb.annotated_batches(connection, many, "called", source=engine)
        with pytest.raises(Exception, match="late"):
            reader.read_all()

    def test_each_connection_asks_what_is_registered_with_it(self, connection, engine, fresh_engine, used):
        with duckdb.connect() as other:
            portdip.batch.duckdb.register(other, fresh_engine)
            asked = f"SELECT '{stores.PORTED}' AS called"
            for one, status in ((connection, "ported"), (other, "unallocated")):
                assert one.sql(f"SELECT portdip_status('{stores.PORTED}')").fetchall() == [(status,)]
                assert portdip.batch.duckdb.annotate(one, asked, "called").project("status").fetchall() == [(status,)]
                batches = portdip.batch.duckdb.annotated_batches(one, asked, "called")
                assert batches.read_all()["status"].to_pylist() == [status]
        # What Polars and pandas ask is theirs.
        assert pl.DataFrame({"n": [stores.PORTED]}).select(pl.col("n").portdip.status())["n"].to_list() == ["ported"]

    def test_a_query_annotated_has_the_session_of_its_connection(self, connection):
        """Clocks without a zone are those of the session: elsewhere they would tell another moment, and no error."""
        connection.execute("SET TimeZone = 'Asia/Shanghai'; SET VARIABLE wanted = 'it''s'; SET VARIABLE none = NULL")
        connection.execute("CREATE SCHEMA other; CREATE TABLE other.shown AS SELECT '2024-06-01 01:00' AS clock")
        connection.execute("USE other")
        query = "SELECT '1' AS called, epoch(clock::TIMESTAMPTZ), getvariable('wanted') FROM shown"
        expected = connection.sql(query).fetchall()
        assert expected == [("1", 1717174800.0, "it's")]
        assert [row[:3] for row in portdip.batch.duckdb.annotate(connection, query, "called").fetchall()] == expected
        batches = portdip.batch.duckdb.annotated_batches(connection, query, "called").read_all()
        assert [tuple(row.values())[:3] for row in batches.to_pylist()] == expected

    def test_what_only_the_connection_has_is_not_seen_and_said(self, connection):
        connection.execute("CREATE TEMP TABLE mine AS SELECT '1' AS called")
        with pytest.raises(duckdb.CatalogException) as refusal:
            portdip.batch.duckdb.annotated_batches(connection, "FROM mine", "called")
        assert "temporary tables" in refusal.value.__notes__[0]

    def test_numbers_and_ranges_of_the_store(self, connection):
        rows = connection.sql("SELECT number, carrier, routing_number FROM portdip_numbers ORDER BY 1").fetchall()
        assert rows == sorted(row[:3] for row in stores.NUMBERS)
        held = connection.sql("SELECT sum(native), sum(ported_out), count(*) FROM portdip_ranges WHERE carrier = 'CM'")
        assert held.fetchall() == [(9_989_999, 1, 2)]
        both = "SELECT count(*) FROM portdip_numbers JOIN portdip_ranges ON number BETWEEN first AND last"
        assert connection.sql(both).fetchall() == [(2,)]

    def test_registering_again_replaces(self, connection, engine, fresh_engine):
        portdip.batch.duckdb.register(connection, fresh_engine)
        query = f"SELECT portdip_status('{stores.PORTED}'), (SELECT count(*) FROM portdip_numbers)"
        assert connection.sql(query).fetchall() == [("unallocated", 0)]

    @pytest.fixture
    def fresh_engine(self, tmp_path):
        from portdip.lookup.load import init_store

        return open_engine(init_store(tmp_path / "fresh", "test").path)


class TestPandas:
    calls = pd.DataFrame({"called": ASKED}, index=range(100, 100 + len(ASKED)))

    def test_the_accessor(self, used):
        dips = self.calls["called"].portdip
        for place, name in enumerate(NAMES):
            found = getattr(dips, name)()
            assert found.name == name
            assert found.index.equals(self.calls.index)
            values = [None if pd.isna(value) else value for value in found.tolist()]
            assert values == [row[place] for row in expected(used)]
        assert isinstance(dips.carrier().dtype, pd.CategoricalDtype)
        assert self.calls.join(dips.dip()).columns.tolist() == ["called", *NAMES]

    def test_integers_and_moments(self, used):
        calls = pd.DataFrame({"n": [stores.PORTED] * 2, "at": pd.to_datetime([BEFORE, AFTER])})
        assert calls["n"].portdip.status(at=calls["at"]).tolist() == ["before-history", "ported"]

    def test_frames_are_filtered_by_what_is_ported_though_some_is_missing(self, used):
        calls = pd.DataFrame({"n": pd.Series([stores.PORTED, None, stores.NATIVE], dtype="Int64")})
        ported = calls["n"].portdip.ported()
        assert ported.dtype == "boolean"
        assert calls[ported].index.tolist() == [0]
        assert calls[~ported].index.tolist() == [2]

    def test_values_of_several_types_are_refused(self, used):
        with pytest.raises(AnnotateError, match="values of one type"):
            pd.Series([str(stores.PORTED), stores.PORTED]).portdip.carrier()

    def test_times_of_other_rows_are_refused(self, used):
        calls = pd.DataFrame({"n": [stores.PORTED] * 2, "at": pd.to_datetime([BEFORE, AFTER])})
        for at in (calls["at"][:1], calls["at"][::-1], [BEFORE, AFTER]):
            with pytest.raises(FrontEndError, match="same index"):
                calls["n"].portdip.status(at=at)

    def test_series_without_a_value(self, used):
        for series in (pd.Series([None, None]), pd.Series([], dtype=object)):
            assert series.portdip.carrier().isna().tolist() == [True] * len(series)

    def test_floats_are_refused(self, used):
        with pytest.raises(AnnotateError, match="cannot hold phone numbers"):
            pd.Series([1.0, None]).portdip.carrier()


#: Acts as if a package were not installed.
BLOCK = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_nothing_heavy_is_imported_before_it_is_asked_for():
    """But pandas, which pyarrow itself imports where it is installed."""
    heavy = "{'polars', 'duckdb', 'matplotlib'}"
    assert run(f"import portdip.batch.stats, sys; print({heavy} & set(sys.modules))").stdout == "set()\n"


@pytest.mark.parametrize("name", ["polars", "duckdb", "pandas"])
def test_a_missing_package_is_named_with_its_extra(name):
    last = run(BLOCK.format(name) + f"import portdip.batch.{name}").stderr.splitlines()[-1]
    assert f"pip install 'portdip[{name}]'" in last
