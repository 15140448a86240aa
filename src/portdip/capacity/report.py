"""A capacity plan as one HTML page that needs nothing else: for a screen, and for paper."""

from __future__ import annotations

from html import escape
from itertools import groupby

from portdip.capacity import plots
from portdip.capacity.lines import Line, text
from portdip.capacity.plan import Plan
from portdip.capacity.published import System, systems
from portdip.capacity.quantity import quantity, span_text

#: Nothing is fetched, and nothing runs.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light; --ink: #1b1f24; --soft: #5a6470; --rule: #d9dee4; --blue: #0072B2; --orange: #D55E00; }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; color: var(--ink); background: #fff; margin: 0 auto;
  max-width: 1020px; padding: 36px 28px 60px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 4px; }
h2 { font-size: 19px; margin: 40px 0 10px; padding-top: 10px; border-top: 2px solid var(--ink); }
h3 { font-size: 15px; margin: 22px 0 6px; }
p { margin: 6px 0; max-width: 78ch; }
.soft { color: var(--soft); }
.cards { display: grid; grid-template-columns: repeat(4, 1fr); gap: 12px; margin: 22px 0 10px; }
.card { border: 1px solid var(--rule); border-radius: 6px; padding: 10px 14px 12px; }
.card .what { color: var(--soft); font-size: 13px; }
.card .value { font-size: 26px; font-weight: 650; line-height: 1.25; font-variant-numeric: tabular-nums; }
.card .remark { color: var(--soft); font-size: 12.5px; line-height: 1.35; }
ul.remarks { margin: 14px 0 0; padding: 10px 14px 10px 30px; background: #fff6ec;
  border-left: 4px solid var(--orange); }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; }
table.steps { table-layout: fixed; }
.steps th:nth-child(2) { width: 14%; } .steps th:nth-child(3) { width: 21%; } .steps th:nth-child(4) { width: 12%; }
th { text-align: left; font-weight: 600; color: var(--soft); border-bottom: 1px solid var(--ink);
  padding: 4px 10px 4px 0; }
td { border-bottom: 1px solid var(--rule); padding: 5px 10px 5px 0; vertical-align: top; }
td.value { font-weight: 600; white-space: nowrap; font-variant-numeric: tabular-nums; }
td.bounds { color: var(--soft); font-variant-numeric: tabular-nums; }
.bounds span { white-space: nowrap; }
td .formula { color: var(--soft); font-size: 12px; line-height: 1.4; overflow-wrap: anywhere; }
.kind { font-size: 11.5px; padding: 1px 7px; border-radius: 9px; white-space: nowrap; border: 1px solid currentColor; }
.kind.given { color: #555; } .kind.measured { color: #00694d; } .kind.reference { color: #9a5b00; }
.kind.modelled { color: #005a8e; } .kind.assumed { color: #8a2d6a; }
figure { margin: 10px 0 0; } figure svg { width: 100%; height: auto; display: block; }
.wide { overflow-x: auto; }
figcaption { color: var(--soft); font-size: 13px; max-width: 88ch; }
td.figure { white-space: nowrap; }
pre { font-size: 12.5px; white-space: pre-wrap; margin: 8px 0; }
td.source { font-size: 12px; color: var(--soft); overflow-wrap: anywhere; }
@media screen and (max-width: 760px) {
  body { padding: 20px 16px 40px; }
  .cards { grid-template-columns: repeat(2, 1fr); } .card .value { font-size: 22px; overflow-wrap: anywhere; }
  .wide svg, .wide table { width: 760px; }
  .steps, .steps tbody { display: block; } .steps thead { display: none; }
  .steps tr { display: flex; flex-wrap: wrap; gap: 2px 12px; padding: 7px 0; border-bottom: 1px solid var(--rule); }
  .steps td { border: 0; padding: 0; } .steps td:first-child { flex: 1 0 100%; } .steps td:last-child { order: 1; }
  .steps td.bounds { order: 2; flex: 1 0 100%; } .steps td.bounds:empty { display: none; }
}
@page { size: A4; margin: 14mm 13mm; }
@media print {
  body { font-size: 10.5pt; padding: 0; max-width: none; }
  h2 { margin-top: 22px; } h2, h3 { break-after: avoid; }
  figure, .card, tr, ul.remarks { break-inside: avoid; }
  table { font-size: 9pt; } td .formula, td.source { font-size: 7.8pt; }
  .cards { grid-template-columns: repeat(4, 1fr); gap: 8px; } .card .value { font-size: 17pt; }
}
"""


def page(made: Plan) -> str:
    """The page. Raises MissingPackageError where matplotlib is not installed."""
    plots.check()
    evidence = made.evidence
    subscribers = span_text(made["subscribers"], "") or quantity(made["subscribers"].likely, "")
    sites = made.profile.nodes.sites
    title = f"Capacity plan: {subscribers} subscribers, {sites} site{'s' if sites > 1 else ''}"
    measured = f"{evidence.result.measured:%Y-%m-%d %H:%M} UTC"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="soft">portdip {escape(evidence.result.portdip)}, dips over {made.profile.nodes.protocol}. Figures '
        f"of a core: {evidence.kind}, {escape(evidence.machine)}, {measured}.</p>",
        _cards(made),
        f'<ul class="remarks">{"".join(f"<li>{escape(remark)}</li>" for remark in made.remarks())}</ul>',
        "<h2>Plots</h2>",
        *_figures(made),
        "<h2>How it was worked out</h2>",
        "<p>Bounds are the worst cases of everything that goes into a value, taken together. <b>Given</b>: from you; "
        "<b>assumed</b>: usual values, where you said nothing. <b>Measured</b>: on the machine named above; "
        "<b>reference</b>: on another one. <b>Modelled</b>: by the formula that stands below it.</p>",
        *_tables(made),
        "<h2>Alternatives</h2>",
        "<p>Rows that say measured were measured by the developers of portdip, on two shared cores of an AMD EPYC "
        "virtual machine; rows that say published are the authors' own figures on their hardware.</p>",
        f'<div class="wide">{_alternatives(systems())}</div>',
        "<h2>The model of the time of an answer</h2>",
        *_model(),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _cards(made: Plan) -> str:
    cards = [
        f'<div class="card"><div class="what">{escape(what)}</div><div class="value">{escape(value)}</div>'
        f'<div class="remark">{escape(remark)}</div></div>'
        for what, value, remark in made.headline()
    ]
    return f'<div class="cards">{"".join(cards)}</div>'


def _figures(made: Plan) -> list[str]:
    dots = (
        f"Lines are the model, dots are {made.evidence.kind}: asked by schedule, times counted from the schedule, bars "
        "the spread over the rounds. Where dots lie far above the lines, a host or another process may have taken the "
        "core away."
        if made.loads
        else "Lines are the model; at a load nothing was measured inside a process."
    )
    drawn = [
        ("Dips a second against cores", plots.cores(made),
         "What a site carries with so many cores, at the utilisation of the plan. Dashed: the alternatives, with as "
         "many cores and the same utilisation, each at its own protocol."),
        ("Time of an answer against load", plots.latency(made), dots),
        ("Memory against numbers", plots.memory(made),
         "Our band reaches over the densities of ported numbers, now and at most. Dashed: the alternatives, bytes of a "
         "number."),
        ("One core, beside the alternatives", plots.alternatives(made),
         "Above what answers inside a process, below what answers over a network. Ours is of the machine named above, "
         "the others of theirs."),
    ]  # fmt: skip
    return [
        f'<figure><h3>{escape(title)}</h3><div class="wide">{svg}</div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
        for title, svg, caption in drawn
    ]


def _tables(made: Plan) -> list[str]:
    head = '<th></th><th>value</th><th class="bounds">between</th><th>from</th>'
    return [
        f'<h3>{escape(section)}</h3><table class="steps"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(map(_row, lines))}</tbody></table>"
        for section, lines in groupby(made.lines.values(), key=lambda line: line.section)
    ]


def _row(line: Line) -> str:
    value, bounds = text(line)
    # A line may end before the second bound, but not within one.
    both = " to ".join(f"<span>{escape(bound)}</span>" for bound in bounds.split(" to ")) if bounds else ""
    words = f"{escape(line.words)}<br>" if line.words != line.numbers else ""
    formula = f'<div class="formula">{words}= {escape(line.numbers)}</div>' if line.numbers else ""
    return (
        f'<tr><td>{escape(line.label)}{formula}</td><td class="value">{escape(value)}</td>'
        f'<td class="bounds">{both}</td><td><span class="kind {line.kind}">{line.kind}</span></td></tr>'
    )


def _alternatives(rows: list[System]) -> str:
    def cell(value: float, unit: str) -> str:
        return f'<td class="figure">{escape(quantity(value, unit)) if value else ""}</td>'

    body = "".join(
        f"<tr><td>{escape(row.name)}</td>{cell(row.core_rate, '/s')}{cell(row.total_rate, '/s')}{cell(row.bytes, 'B')}"
        f'<td class="figure">{escape(row.kind)}<br>{row.date}</td>'
        f'<td class="source">{escape(row.source)}</td></tr>'
        for row in rows
    )
    head = "".join(f"<th>{name}</th>" for name in ("system", "a core", "the system", "a number", "how", "source"))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _model() -> list[str]:
    from portdip.capacity import queueing

    paragraphs = (queueing.__doc__ or "").strip().split("\n\n")
    return [
        f"<pre>{escape(paragraph)}</pre>" if paragraph.startswith(" ") else f"<p>{escape(paragraph)}</p>"
        for paragraph in paragraphs[1:]
    ]
