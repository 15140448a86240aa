"""The picture of a result: the time for a dip and the bytes a number of every peer, on logarithmic scales."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .result import Result, Row, rounded

_OURS, _OTHERS, _QUIET = "#0b6e4f", "#5b6770", "#c9ced3"
_INCHES_A_ROW = 0.27
_TEXT_PT = 8.5


def draw(result: Result, path: Path) -> None:
    """Write the picture as SVG, or as what the name of `path` says. The same result gives the same bytes."""
    rows = [*result.of(served=False), *result.of(served=True)]
    inside = sum(not row.served for row in rows)
    # A gap between the two kinds, with the heading of the second one in it.
    places = [float(place + (1.6 if row.served else 0)) for place, row in enumerate(rows)]
    settings = {"svg.hashsalt": "portdip", "svg.fonttype": "none", "font.size": _TEXT_PT, "font.family": "DejaVu Sans"}
    with mpl.rc_context(settings):
        figure = Figure(figsize=(9, _INCHES_A_ROW * (places[-1] + 6)), layout="constrained", facecolor="white")
        times, sizes = figure.subplots(1, 2, sharey=True, width_ratios=[3, 2])
        _times(times, rows, places)
        _sizes(sizes, rows, places)
        sizes.patch.set_visible(False)  # or it would cover the end of a heading
        times.set_yticks(places, [row.peer for row in rows])
        times.set_ylim(places[-1] + 0.8, -1.6)
        for label, row in zip(times.get_yticklabels(), rows, strict=True):
            label.set_color(_colour(row))
            label.set_fontweight("bold" if _is_ours(row) else "normal")
        _heading(times, -1, f"in a process, {rows[0].numbers / 1e6:g} M numbers")
        if inside < len(rows):
            text = (
                f"over the network, {rows[-1].numbers / 1e6:g} M numbers: ● the server's processor   ○ until the answer"
            )
            _heading(times, places[inside] - 1, text)
        figure.suptitle(f"Dips, half of them for ported numbers · {result.date} · {result.processor}, one core", size=9)
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=150)


def _times(axes: Axes, rows: list[Row], places: list[float]) -> None:
    for row, place in zip(rows, places, strict=True):
        ends = [value for value in (row.many_ns, row.one_ns) if value is not None]
        axes.plot([min(ends), max(ends)], [place, place], color=_QUIET, linewidth=2, zorder=1)
        if row.one_ns is not None:
            axes.scatter(row.one_ns, place, s=46, facecolor="white", edgecolor=_colour(row), linewidth=1.4, zorder=2)
        if row.many_ns is not None:
            axes.scatter(row.many_ns, place, s=24, color=_colour(row), zorder=3)
    _scale(axes, "time for a dip:  ● in a batch   ○ one by one")
    axes.xaxis.set_major_formatter(lambda value, _: _time(value))


def _sizes(axes: Axes, rows: list[Row], places: list[float]) -> None:
    for row, place in zip(rows, places, strict=True):
        axes.scatter(row.bytes_per_number, place, s=34, marker="s", color=_colour(row), zorder=3)
        axes.annotate(
            rounded(row.bytes_per_number),
            (row.bytes_per_number, place),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            color=_colour(row),
        )
    _scale(axes, "bytes a number")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_xlim(left=1, right=4 * max(row.bytes_per_number for row in rows))


def _scale(axes: Axes, title: str) -> None:
    axes.set_xscale("log")
    axes.set_axisbelow(True)
    axes.minorticks_off()
    axes.set_title(title, size=_TEXT_PT, loc="left")
    axes.grid(axis="x", color="#e8eaed")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _heading(axes: Axes, place: float, text: str) -> None:
    axes.text(0, place, text, transform=axes.get_yaxis_transform(), va="center", style="italic", color=_OTHERS)


def _time(nanoseconds: float) -> str:
    """A power of ten with its unit.

    >>> [_time(10.0**power) for power in (1, 4, 6)]
    ['10 ns', '10 µs', '1 ms']
    """
    for unit, size in (("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:g} {unit}"
    return f"{nanoseconds:g} ns"


def _is_ours(row: Row) -> bool:
    return row.peer.startswith("portdip")


def _colour(row: Row) -> str:
    return _OURS if _is_ours(row) else _OTHERS
