"""Tests of answers run over the compiled index, on each instruction set, and over its twin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from portdip import index
from portdip.index import reference


@pytest.fixture(params=[*index.kernels(), "twin"])
def implementation(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "twin":
        yield reference
        return
    before = index.kernel()
    index.use_kernel(request.param)
    yield index
    index.use_kernel(before)
