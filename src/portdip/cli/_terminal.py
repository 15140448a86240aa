"""What verbs show on a terminal: text in colour where there is one, and a progress bar.

Where standard output or error is not a terminal, or NO_COLOR is set, everything is plain text and there is no
bar.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from rich.color import ColorSystem
from rich.console import Console
from rich.style import Style


def output() -> Console:
    """Standard output."""
    return Console(highlight=False)


def errors() -> Console:
    """Standard error: messages and progress, so that standard output stays clean for pipes."""
    return Console(stderr=True, highlight=False)


def painter() -> Callable[[str, str], str]:
    """What puts a text in a style, and leaves it alone where standard output wants no colour.

    For lines by the thousand, which are printed plainly: `Console.print` takes a tenth of a millisecond each.
    """
    console = output()
    if console.no_color or console.color_system is None:
        return lambda text, style: text
    return lambda text, style: Style.parse(style).render(text, color_system=ColorSystem.STANDARD)


@contextlib.contextmanager
def progress(what: str, unit: str) -> Iterator[Callable[[int, float | None], None]]:
    """A bar on standard error; the block reports with `report(count, share)`.

    `count` is how many units are done, `share` the part of the whole (0 to 1), None while nobody knows it.
    """
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(compact=True),
    )
    console = errors()
    began = time.monotonic()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        bar = bars.add_task(what, total=None, rate="")

        def report(count: int, share: float | None) -> None:
            seconds = max(time.monotonic() - began, 1e-9)
            rate = f"{count:,} {unit} · {count / seconds:,.0f}/s"
            if share is None:
                bars.update(bar, rate=rate)
            else:
                bars.update(bar, total=1.0, completed=share, rate=rate)

        yield report


@contextlib.contextmanager
def steps() -> Iterator[Callable[[str, float], None]]:
    """A bar on standard error whose text changes; the block reports with `report(what, share)`."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    console = errors()
    columns = (BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        bar = bars.add_task("", total=1.0)
        yield lambda what, share: bars.update(bar, description=what, completed=share)
