"""What people answer dips with today, beside us, on the same numbers: one run, one table, one picture.

`python -m benchmarks peers` measures all of it and keeps the result with its picture; `python -m benchmarks.peers`
prints the table of a kept result and draws the picture again. A peer is one small module with one class:

- in the process of who asks: subclasses of `Peer` (peer.py), each alone in a process of its own (hosted.py);
- over the network: subclasses of `Service` (service.py), each on the first core, and who asks on the last.

Every answer that is timed in a process is compared with what it must be, a sample of those of servers. All candidates
take turns, round by round, so that what else the machine does meets all of them; what is kept is the median.
"""

from __future__ import annotations

from pathlib import Path

from ..figure import Figure, Size


def figures(size: Size) -> list[Figure]:
    from . import running  # here, as each peer's process imports this package and wants no other peer's memory

    return running.figures(size)


def report(path: Path) -> None:
    """Print the table of the result in the file `path`, and draw its picture beside it."""
    from .picture import draw
    from .result import Result

    result = Result.read(path)
    draw(result, path.with_suffix(".svg"))
    print(result.markdown())
    print(path.with_suffix(".svg"))
