"""Dips against the limit of the memory, and against a dict: bytes per number, batch, threads, one at a time."""

from __future__ import annotations

import numpy as np

from portdip import files
from portdip.capacity.machine import gather
from portdip.index import Index, kernel, kernels, use_kernel

from .figure import Figure, Size, interleaved, nanoseconds, ratio
from .peers.dictionary import Dictionary
from .peers.peer import Ported
from .populations import Columns, columns, questions

#: (plan, share ported in each block, bytes per number at most)
POPULATIONS = [("cn", 0.16, 2.0), ("cn", 0.02, 4.0), ("nanp", 0.16, 4.0)]
#: A smaller image lies in the processor's caches, where a gather costs next to nothing.
_BARS_FROM = 100_000_000
_SCALAR_QUESTIONS = 200_000


def figures(size: Size) -> list[Figure]:
    found = []
    for plan, share, bytes_max in POPULATIONS:
        drawn = columns(plan, size.numbers, share)
        name = f"{plan} {share:.0%}, {size.numbers / 1e6:g} M"
        index = Index.open(drawn.image, resident=True)
        bar = bytes_max if size.numbers >= _BARS_FROM else None
        found.append(Figure(f"bytes per number, {name}", index.nbytes / len(index), "B", bar))
        found += _batch(index, drawn, size, name)
        if plan == "cn":
            found.append(_scalar(index, drawn, size, name))
    return found


def _batch(index: Index, drawn: Columns, size: Size, name: str) -> list[Figure]:
    asked = questions(drawn, size.questions)
    out = np.empty(len(asked), dtype=np.uint16)
    memory = np.frombuffer(files.read_into_huge_pages(drawn.image), dtype=np.uint8)
    lines = len(memory) // 64
    order = np.random.default_rng(1).integers(0, lines, len(asked), dtype=np.uint64)
    best = kernel()

    def with_kernel(name: str, threads: int = 1) -> None:
        use_kernel(name)
        index.find_many(asked, out=out, threads=threads)
        use_kernel(best)

    times = interleaved(
        {
            "gather": lambda: gather(memory, order),
            "find_many": lambda: with_kernel(best),
            "two threads": lambda: with_kernel(best, threads=2),
            **{f"find_many, {other}": (lambda other=other: with_kernel(other)) for other in kernels()[1:]},
        },
        size.rounds,
    )
    detail = {"nanoseconds": nanoseconds(times, len(asked)), "instruction_set": best, "checksum": int(out.sum())}
    bar = 2.0 if size.numbers >= _BARS_FROM else None
    return [
        Figure(f"find_many over gather, {name}", ratio(times, "find_many", "gather"), "x", bar, detail=detail),
        Figure(f"two threads over one, {name}", ratio(times, "find_many", "two threads"), "x", 1.7, "at least"),
    ]


def _scalar(index: Index, drawn: Columns, size: Size, name: str) -> Figure:
    """`index[number]` and `dict.get(number)` in a Python loop over prepared integers."""
    table = Dictionary(Ported(drawn.numbers, drawn.codes, drawn.ranges, drawn.image.parent))
    asked = questions(drawn, min(size.questions, _SCALAR_QUESTIONS)).tolist()
    times = interleaved(
        {
            "dict.get": lambda: table.ask_one(asked),
            "index[number]": lambda: [index[number] for number in asked],
        },
        size.rounds,
    )
    detail = {"nanoseconds": nanoseconds(times, len(asked))}
    return Figure(
        f"index[number] over dict.get, {name}", ratio(times, "index[number]", "dict.get"), "x", 0.4, detail=detail
    )
