"""Stores without an index: the table neither knows nor cares what the image holds."""

import pyarrow as pa
import pytest

from portdip.exchange import rows
from portdip.table.store import Store


@pytest.fixture
def write_image():
    """Stands in for the index: reads the merge to its end and writes the numbers as text."""

    def write_image(draft):
        merged = [numbers.tolist() for numbers, codes in draft.merge()]
        draft.image.write_text(str(merged))

    return write_image


@pytest.fixture
def store(tmp_path, write_image):
    return Store.init(tmp_path / "store", "test", write_image)


@pytest.fixture
def ported():
    """A batch of ported numbers from (number, carrier, ...) tuples; what is left out is empty."""

    def ported(*entries):
        columns = zip(*((*entry, *("", None, None)[len(entry) - 2 :]) for entry in entries), strict=True)
        return pa.record_batch([list(column) for column in columns], schema=rows.NUMBERS)

    return ported


@pytest.fixture
def held():
    """A batch of ranges from (first, last, carrier) tuples."""

    def held(*entries):
        columns = zip(*((*entry, "") for entry in entries), strict=True)
        return pa.record_batch([list(column) for column in columns], schema=rows.RANGES)

    return held


def refuse_repeats(number, place, place_kept):
    raise AssertionError(f"{number} comes twice")


@pytest.fixture
def bring(store, write_image):
    """Imports batches as the store's next snapshot and returns the draft."""

    def bring(*batches, on_repeat=refuse_repeats):
        with store.draft(on_repeat) as draft:
            for batch in batches:
                draft.add(batch)
            write_image(draft)
        return draft

    return bring
