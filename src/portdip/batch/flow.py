"""Reading, working and writing at the same time, in order, with a bounded amount in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")


def in_order(pieces: Iterator[Piece], work: Callable[[Piece], Result], threads: int) -> Generator[Result, None, None]:
    """`work(piece)` for each piece, in their order, while the caller handles those before.

    Pieces are read in one thread and worked on in `threads` others; no more than `threads` + 2 are in memory
    at once. An error in reading or working is raised here, in its turn.

    >>> list(in_order(iter("abc"), str.upper, threads=2))
    ['A', 'B', 'C']
    """
    with ThreadPoolExecutor(1) as reading, ThreadPoolExecutor(threads) as working:

        def finish(read: Future[Piece | None]) -> Result | None:
            piece = read.result()
            return None if piece is None else work(piece)

        def begin() -> Future[Result | None]:
            return working.submit(finish, reading.submit(next, pieces, None))

        ahead = deque(begin() for _ in range(threads + 2))
        while (result := ahead.popleft().result()) is not None:
            ahead.append(begin())
            yield result
