"""The porting matrix as a picture: who lost numbers to whom, and how many a day. Needs the extra `report`."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from portdip import files
from portdip.errors import AnnotateError, MissingPackageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: What a picture's name may end in.
SUFFIXES = (".png", ".svg", ".pdf")
NOBODY, OTHERS = "nobody", "others"

_CARRIERS_SHOWN = 16
_LINES_SHOWN = 6
#: Told apart by people who do not see all colours too (Okabe and Ito).
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#999999")


def draw(matrix: pa.Table, target: Path) -> None:
    """Draw a table of `stats.MATRIX` into `target`: .png, .svg or .pdf, as its name ends.

    Raises MissingPackageError without matplotlib, AnnotateError for another name.
    """
    if target.suffix not in SUFFIXES:
        raise AnnotateError("not a picture", where=str(target), expected=f"a name that ends in {', '.join(SUFFIXES)}")
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise MissingPackageError("matplotlib is not installed", fix="Run: pip install 'portdip[report]'.") from error
    totals, names = totals_of(matrix, _CARRIERS_SHOWN)
    size = 3.2 + 0.5 * len(names)
    figure = Figure(figsize=(max(size, 8), size + 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, height_ratios=(size, 3.2))
    _draw_totals(above, totals, names)
    _draw_days(below, matrix)
    with files.replacing(target) as file:
        figure.savefig(file, format=target.suffix[1:], dpi=150)


def totals_of(matrix: pa.Table, shown: int) -> tuple[np.ndarray[Any, Any], list[str]]:
    """Numbers by donor (rows) and recipient (columns) over all days, and the carriers, those with most first.

    No more than `shown` carriers; the others are one, OTHERS.
    """
    pairs: Counter[tuple[str, str]] = Counter()
    for row in matrix.to_pylist():
        pairs[row["donor"] or NOBODY, row["recipient"] or NOBODY] += row["ported"] + row["returned"]
    each: Counter[str] = Counter()
    for pair, count in pairs.items():
        for name in pair:
            each[name] += count
    names = [name for name, _ in each.most_common()]
    if len(names) > shown:
        names = [*names[: shown - 1], OTHERS]
    places = {name: place for place, name in enumerate(names)}
    totals = np.zeros((len(names), len(names)), dtype=np.int64)
    for (donor, recipient), count in pairs.items():
        totals[places.get(donor, -1), places.get(recipient, -1)] += count
    return totals, names


def _draw_totals(axes: Axes, totals: np.ndarray[Any, Any], names: list[str]) -> None:
    axes.set_title("Numbers that moved, by donor and recipient")
    axes.set_xlabel("recipient")
    axes.set_ylabel("donor")
    if not names:
        axes.text(0.5, 0.5, "none", ha="center", va="center", transform=axes.transAxes)
        return
    shades = np.log1p(totals)
    axes.imshow(shades, cmap="Blues", vmin=0, vmax=max(shades.max(), 1), aspect="auto")
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), names)
    for donor, recipient in zip(*np.nonzero(totals), strict=True):
        dark = shades[donor, recipient] > 0.6 * shades.max()
        text = _short(int(totals[donor, recipient]))
        axes.text(recipient, donor, text, ha="center", va="center", size=8, color="white" if dark else "black")


def _draw_days(axes: Axes, matrix: pa.Table) -> None:
    axes.set_title("Numbers won a day, by recipient")
    by_recipient: dict[str, Counter[date]] = {}
    for row in matrix.to_pylist():
        by_recipient.setdefault(row["recipient"] or NOBODY, Counter())[row["day"]] += row["ported"] + row["returned"]
    days = sorted({day for counts in by_recipient.values() for day in counts})
    ranked = sorted(by_recipient, key=lambda name: -by_recipient[name].total())
    if len(ranked) > _LINES_SHOWN:
        rest: Counter[date] = Counter()
        for name in ranked[_LINES_SHOWN:]:
            rest += by_recipient[name]
        ranked = [*ranked[:_LINES_SHOWN], OTHERS]
        by_recipient[OTHERS] = rest
    places = np.array(days, dtype="datetime64[D]")
    bottom = np.zeros(len(days), dtype=np.int64)
    for name, colour in zip(ranked, _COLOURS, strict=False):
        heights = np.array([by_recipient[name][day] for day in days], dtype=np.int64)
        axes.bar(places, heights, bottom=bottom, width=1.0, color=colour, label=name)
        bottom += heights
    if days:
        axes.legend(fontsize=8, ncols=4, loc="upper left", frameon=False)
        axes.margins(x=0, y=0.25)
        if len(days) == 1:
            axes.set_xticks(places, [str(day) for day in days])
        axes.tick_params(axis="x", rotation=30)
    axes.spines[["top", "right"]].set_visible(False)
    axes.yaxis.set_major_formatter(lambda value, place: _short(int(value)))


def _short(count: int) -> str:
    """A count in a few letters.

    >>> [_short(count) for count in (999, 12_345, 7_600_000)]
    ['999', '12.3k', '7.6M']
    """
    for unit, name in ((1_000_000, "M"), (1_000, "k")):
        if count >= unit:
            return f"{count / unit:.3g}{name}"
    return str(count)
