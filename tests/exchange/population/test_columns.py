import numpy as np
import pyarrow.parquet as pq
import pytest

from portdip.exchange import feeds, population, rows
from portdip.exchange.feeds.options import Options


def test_a_population_file_holds_every_column_of_every_chunk(plan, tmp_path, seed):
    out = tmp_path / "numbers.parquet"
    heard = []
    population.write(plan, population.draw(plan, 20_000, seed), out, heard.append)
    table = pq.read_table(out)
    chunks = list(population.draw(plan, 20_000, seed))
    numbers, codes, donors, effective = (
        np.concatenate([getattr(chunk, field) for chunk in chunks])
        for field in ("numbers", "codes", "donors", "effective")
    )
    assert heard[-1] == len(table) == 20_000
    assert table.schema.names == rows.NUMBERS.names
    assert table["number"].to_numpy().tolist() == numbers.tolist()
    assert table["carrier"].to_pylist() == [plan.routes[code - 1].carrier.id for code in codes]
    assert table["routing_number"].to_pylist() == [plan.routes[code - 1].routing_number for code in codes]
    assert table["donor"].to_pylist() == [plan.routes[code - 1].carrier.id for code in donors]
    assert table["effective"].cast("int64").to_pylist() == effective.tolist()


def test_the_same_seed_writes_the_same_bytes(plan, tmp_path, seed):
    for name in ("one", "other"):
        population.write(plan, population.draw(plan, 20_000, seed), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_both_files_come_back_through_the_parquet_feed(plan, tmp_path, seed):
    numbers, ranges = tmp_path / "numbers.parquet", tmp_path / "ranges.parquet"
    population.write(plan, population.draw(plan, 5_000, seed), numbers)
    population.write_ranges(plan, ranges)
    feed = feeds.load("parquet")
    assert sum(batch.num_rows for batch in feed.rows([numbers], Options())) == 5_000
    batches = list(feed.rows([ranges], Options()))
    assert {batch.schema for batch in batches} == {rows.RANGES}
    read = [tuple(row.values()) for row in batches[0].slice(0, 100).to_pylist()]
    routes = [plan.routes[int(code) - 1] for code in plan.ranges[:100, 2]]
    assert read == [
        (first, last, route.carrier.id, route.routing_number)
        for (first, last, _), route in zip(plan.ranges[:100].tolist(), routes, strict=True)
    ]


def test_nothing_is_left_behind_when_drawing_fails(plan, tmp_path):
    def chunks():
        yield next(population.draw(plan, 100, seed=1))
        raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError, match="interrupted"):
        population.write(plan, chunks(), tmp_path / "numbers.parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_cannot_be_written_is_refused_before_anything_is_drawn(plan, tmp_path):
    def chunks():
        raise AssertionError("drawn")
        yield

    for path in (tmp_path, tmp_path / "nowhere" / "numbers.parquet"):
        with pytest.raises(OSError, match=str(tmp_path)):
            population.write(plan, chunks(), path)
