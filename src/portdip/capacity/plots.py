"""The plots of a capacity report, as SVG for the page itself: nothing in them is fetched.

Colours are those of Okabe and Ito, which people tell apart who see few colours; what a colour says, a label says too.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from portdip.capacity import queueing
from portdip.capacity.plan import Plan
from portdip.capacity.published import System, systems
from portdip.capacity.quantity import Span, quantity
from portdip.errors import MissingPackageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_OURS, _NEED, _OTHER, _WORSE, _MILD = "#0072B2", "#D55E00", "#777777", "#CC79A7", "#009E73"
_BAND = 0.18
#: Where an axis reaches less far, powers of ten are too few marks on it.
_FEW_DECADES = 1e3
#: Where an SVG names a part, or refers to one.
_ID = re.compile(r'(\bid="|href="#|url\(#)')
#: Height of a label against that of the plot.
_LABEL_SHARE = 0.034
#: What a process itself asks, as the plot calls it and as the bench does.
_INSIDE = (
    ("dips of one column", "dips in a column, one thread"),
    ("index[number]", "index[number]"),
    ("dip(number)", "dips, one at a time"),
)
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.labelcolor": "#333333",
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
}


def check() -> None:
    """Raise MissingPackageError where matplotlib is not installed."""
    try:
        import matplotlib as matplotlib
    except ImportError as error:
        raise MissingPackageError(
            "a report needs the package matplotlib", fix="Install it with: pip install 'portdip[report]'"
        ) from error


def cores(made: Plan) -> str:
    """Dips a second against cores, what is needed, and where the alternatives come to lie."""
    with _drawn("cores", 5.0) as (axes, drawn):
        most = max(4.0, 2 * made["site_nodes"].high * made["node_cores"].high)
        usable, need = made["core_usable"], made["site_dips"]
        x = np.array([1.0, most])
        _band(axes, x, lambda bound: bound * x, usable, _OURS, "portdip, to plan with")
        full = made["core_rate"].likely * made["scaling"].likely
        axes.plot(x, full * x, color=_OURS, linewidth=1, linestyle=":", label="portdip, all used up")
        share = made["scaling"].likely * made["utilisation"].likely
        lines = [(one.name, one.core_rate * share * most) for one in _network_peers()]
        for _, rate in lines:
            axes.plot(x, rate * x / most, color=_OTHER, linewidth=0.8, linestyle="--")
        _beside(axes, lines)
        axes.axhspan(need.low, need.high, color=_NEED, alpha=_BAND, linewidth=0)
        axes.axhline(need.likely, color=_NEED, linewidth=1.6, label=f"needed at a site {made.period}, at most")
        now = made["dips"].likely * made["site_share"].likely * made.profile.nodes.asked_at_once
        axes.axhline(now, color=_NEED, linewidth=1, linestyle=":", label="needed at a site now")
        bought = made["site_nodes"].high * made["node_cores"].high
        axes.plot(
            [bought], [usable.likely * bought], "o", color=_OURS, markersize=7, label=f"the plan: {bought:g} cores"
        )
        axes.set(xscale="log", yscale="log", xlim=(1, most), xlabel="cores at a site", ylabel="dips a second")
        _ticks(axes, "x", "")
        _ticks(axes, "y", "/s")
        axes.legend(loc="upper left", frameon=False, fontsize=8.5)
    return drawn()


def latency(made: Plan) -> str:
    """Percentiles of the time of an answer against the load of a core: the model, and what was measured."""
    with _drawn("latency", 4.2) as (axes, drawn):
        utilisation = np.linspace(0.005, 0.97, 200)
        service, protocol = made["cpu"].likely, made.profile.nodes.protocol
        for percent, colour in ((50.0, _MILD), (99.0, _OURS), (99.9, _WORSE)):
            alone = made.evidence.alone_microseconds(protocol, percent).likely
            times = [alone + queueing.wait(percent, service, float(used)) for used in utilisation]
            axes.plot(utilisation * 100, times, color=colour, linewidth=1.8, label=f"p{percent:g}, modelled")
            points = [
                (one.utilisation * 100, one.microseconds[percent]) for one in made.loads if percent in one.microseconds
            ]
            if points:
                middle = np.array([span.likely for _, span in points])
                spread = np.array([[span.likely - span.low, span.high - span.likely] for _, span in points]).T
                axes.errorbar(
                    [at for at, _ in points], middle, yerr=spread, fmt="o", color=colour, markersize=4.5,
                    elinewidth=1, capsize=2.5, label=f"p{percent:g}, {made.evidence.kind}",
                )  # fmt: skip
        limit = made["utilisation"].likely * 100
        axes.axvline(limit, color=_NEED, linewidth=1, linestyle=":")
        axes.annotate(
            f"limit of the plan, {limit:g} %", (limit, 0.98), xycoords=("data", "axes fraction"), xytext=(-4, 0),
            textcoords="offset points", fontsize=8, color=_NEED, ha="right", va="top", rotation=90,
        )  # fmt: skip
        axes.set(yscale="log", xlim=(0, 100), xlabel="CPU of a core used up, %", ylabel="time of an answer")
        _ticks(axes, "y", "us")
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(0, 1),
            frameon=False,
            fontsize=8.5,
            ncols=6,
            columnspacing=1.0,
            handlelength=1.4,
        )
    return drawn()


def memory(made: Plan) -> str:
    """Memory against ported numbers, ours by density and the alternatives."""
    with _drawn("memory", 4.6) as (axes, drawn):
        numbers = np.geomspace(1e6, max(1e9, 3 * made["ported_most"].high), 60)
        each = [made[name] for name in ("index_bytes_now", "index_bytes_most")]
        ours = Span(min(one.low for one in each), each[0].likely, max(one.high for one in each))
        _band(axes, numbers, lambda bound: bound * numbers, ours, _OURS, f"portdip, {ours.likely:.2g} bytes a number")
        peers = {one.bytes: one.name.partition(" (")[0] for one in reversed(systems()) if one.bytes}
        for size in peers:
            axes.plot(numbers, size * numbers, color=_OTHER, linewidth=0.8, linestyle="--")
        _beside(axes, [(f"{name}: {size:g}", size * numbers[-1]) for size, name in peers.items()])
        for name, style, when in (("ported", ":", "now"), ("ported_most", "-", f"{made.period}, at most")):
            axes.axvline(
                made[name].likely, color=_NEED, linewidth=1.2, linestyle=style, label=f"ported numbers, {when}"
            )
        axes.set(xscale="log", yscale="log", xlim=(numbers[0], numbers[-1]), xlabel="ported numbers",
                 ylabel="memory of the index")  # fmt: skip
        _ticks(axes, "x", "")
        _ticks(axes, "y", "B")
        axes.legend(loc="upper left", frameon=False, fontsize=8.5)
    return drawn()


def alternatives(made: Plan) -> str:
    """Dips a second of one core, beside the alternatives."""
    evidence = made.evidence
    network = [("portdip, " + name, evidence.core_microseconds(name)) for name in ("pdb", "enum", "http")]
    rows = [(name, (1e6 / cpu).likely, _OURS) for name, cpu in network]
    rows += [(system.name, system.core_rate, _OTHER) for system in _network_peers()]
    process = [(f"portdip, {name}", evidence.inside_per_second(figure).likely, _OURS) for name, figure in _INSIDE]
    process += [(one.name, one.core_rate, _OTHER) for one in systems() if one.asked == "process" and one.core_rate]
    rows = [*sorted(rows, key=lambda row: row[1]), ("", 0.0, _OTHER), *sorted(process, key=lambda row: row[1])]
    with _drawn("alternatives", 0.24 * len(rows) + 0.9) as (axes, drawn):
        for place, (name, rate, colour) in enumerate(rows):
            if name:
                axes.plot([1e3, rate], [place, place], color=colour, linewidth=1, alpha=0.5)
                axes.plot([rate], [place], "o", color=colour, markersize=6)
                axes.annotate(quantity(rate, "/s"), (rate, place), xytext=(7, 0), textcoords="offset points",
                              va="center", fontsize=8, color="#333333")  # fmt: skip
        axes.set(xscale="log", xlim=(1e3, 3e8), xlabel="dips a core-second", ylim=(-0.8, len(rows) - 0.2))
        axes.set_yticks(range(len(rows)), [name for name, _, _ in rows], fontsize=8.5)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        _ticks(axes, "x", "/s")
    return drawn()


def _network_peers() -> list[System]:
    found = [system for system in systems() if system.asked == "network" and system.core_rate]
    return sorted(found, key=lambda system: -system.core_rate)


def _band(axes: Axes, x: Any, of: Callable[[float], Any], value: Span, colour: str, label: str) -> None:
    axes.fill_between(x, of(value.low), of(value.high), color=colour, alpha=_BAND, linewidth=0)
    axes.plot(x, of(value.likely), color=colour, linewidth=2, label=label)


def _beside(axes: Axes, lines: list[tuple[str, float]]) -> None:
    """Names at the right ends of lines on a logarithmic axis, moved apart where they would overlap.

    `lines` has the value of each at the end; the axis has its scale and limits already, or gets them from the lines.
    """
    axes.set(yscale="log")
    low, high = (math.log(bound) for bound in axes.get_ylim())
    gap = (high - low) * _LABEL_SHARE
    at = -math.inf
    for name, value in sorted(lines, key=lambda line: line[1]):
        at = max(at + gap, math.log(value))
        axes.annotate(name, (1.0, math.exp(at)), xycoords=("axes fraction", "data"), xytext=(5, 0), fontsize=7.5,
                      textcoords="offset points", va="center", color="#555555", annotation_clip=False)  # fmt: skip


def _ticks(axes: Axes, which: str, unit: str) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
    if high / low < _FEW_DECADES:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: quantity(value, unit)))
    axis.set_minor_formatter(NullFormatter())


@contextmanager
def _drawn(name: str, height: float) -> Iterator[tuple[Axes, Callable[[], str]]]:
    """Axes to draw on, and what gives the SVG element once the block has ended; `name` keeps ids apart on the page."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    made: list[str] = []
    settings: Any = {**_STYLE, "svg.hashsalt": name}
    with mpl.rc_context(settings):
        figure = Figure(figsize=(9.2, height), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        axes.grid(visible=True)
        axes.set_axisbelow(True)
        yield axes, lambda: made[0]
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    # Every picture names its parts alike, and they are to be on one page.
    made.append(_ID.sub(rf"\g<1>{name}-", svg[svg.index("<svg") :]))
