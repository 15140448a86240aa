"""From a network's traffic and what a core carries to nodes, memory and times: every step a line with its formula.

A line says what it is (given, measured, reference, modelled), its value with bounds, and the formula in words and in
numbers, so that anybody may redo it with a pencil. Bounds are the worst cases of all that goes in, together; nodes are
counted by the worst case, for what is too small is found out in the busy hour.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from portdip.capacity import queueing
from portdip.capacity.evidence import SCALING, Evidence
from portdip.capacity.quantity import Span, quantity, span_text
from portdip.capacity.traffic import Profile, span

#: Kept on disk of each node: the live snapshot and two older ones; days of deltas (`retention_days`).
_SNAPSHOTS, _RETENTION_DAYS = 3, 548
#: What people who call notice is counted in hundreds of milliseconds: a percentile to plan by.
_PERCENT = 99.9
_BUSY_HOUR_ATTEMPTS, _PORTED_SHARE = 0.9, 0.05
#: With fewer rounds the spread of a figure says little.
_ROUNDS_MIN = 4
#: How many times a modelled time may be exceeded before that is said.
_FAR = 3.0


class Kind(StrEnum):
    """Where a value comes from."""

    GIVEN = "given"
    MEASURED = "measured"
    REFERENCE = "reference"
    MODELLED = "modelled"


@dataclass(frozen=True)
class Line:
    """One step: `words` and `numbers` are the formula, '' where there is none."""

    section: str
    label: str
    value: Span
    unit: str
    kind: Kind
    words: str = ""
    numbers: str = ""

    def as_json(self) -> dict[str, Any]:
        """For programs: the value in its unit, unrounded."""
        return {
            "section": self.section,
            "label": self.label,
            "value": self.value.likely,
            "low": self.value.low,
            "high": self.value.high,
            "unit": self.unit,
            "kind": str(self.kind),
            "formula": self.words,
            "with_numbers": self.numbers,
        }


@dataclass
class Plan:
    """The lines in order, by name."""

    profile: Profile
    evidence: Evidence
    lines: dict[str, Line] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Span:
        return self.lines[name].value

    def add(self, name: str, section: str, label: str, value: Span, unit: str, kind: str, formula: str = "") -> Span:
        """A line; `formula` names other lines in braces: `{subscribers} * {attempts} / 3600`."""
        words = formula.format_map({key: line.label for key, line in self.lines.items()})
        numbers = formula.format_map({key: quantity(line.value.likely, line.unit) for key, line in self.lines.items()})
        self.lines[name] = Line(section, label, value, unit, Kind(kind), words, numbers)
        return value

    @property
    def lost(self) -> str:
        """What the nodes must do without in the worst case."""
        return "a site and a node lost" if self.profile.nodes.sites > 1 else "a node lost"

    def headline(self) -> list[tuple[str, str, str]]:
        """The answers in short: what, the value to go by, and a remark. Counts and sizes are the worst case."""
        sites, years = self.profile.nodes.sites, self.profile.years
        places = f"{sites} sites, one may be lost" if sites > 1 else "one site"
        return [
            ("nodes", f"{self['nodes'].high:g}", f"{self['site_nodes'].high:g} at each of {places}, one to spare"),
            ("cores of each", f"{self['node_cores'].high:g}", f"{self['site_cores'].high:g} do for a whole site"),
            ("dips a second", quantity(self["dips_later"].high, ""), f"in the busy hour in {years} years, at most"),
            ("headroom", f"{self['headroom'].low:.2g} x", f"{self.lost}, worst case"),
            ("memory of each", quantity(self["memory_later"].high, "B"), f"in {years} years, at most"),
            ("full hour applied in", quantity(self["burst_seconds"].high, "s"), "all changes of the fullest hour"),
            ("new node answers in", quantity(self["bootstrap"].high, "s"), f"from nothing, in {years} years"),
            ("p99.9 of an answer", quantity(self["latency_worst"].high, "us"), f"modelled, {self.lost}"),
        ]

    def remarks(self) -> list[str]:
        """What to know before anything is bought, a line each."""
        evidence, profile = self.evidence, self.profile
        when = f"{evidence.result.measured:%Y-%m-%d} on {evidence.machine}"
        found = [f"figures of a core: {evidence.kind}, {when}, rounds: {evidence.result.rounds}"]
        if evidence.is_reference:
            found.append(
                "no figure is of your machine: portdip bench --out FILE there, then portdip capacity --bench FILE"
            )
        found += evidence.result.remarks()
        found += self._beside_the_model()
        if evidence.result.rounds < _ROUNDS_MIN:
            found.append(f"fewer than {_ROUNDS_MIN} rounds were measured: bounds of measured values are too narrow")
        if profile.nodes.sites == 1:
            found.append("one site: nothing answers where it is lost")
        if profile.nodes.protocol == "pdb" and profile.nodes.asked_at_once == 1:
            found.append("Kamailio asks all pdb servers that it knows at once: nodes.asked_at_once is how many that is")
        return found

    def _beside_the_model(self) -> list[str]:
        """Whether answers took far longer than the model says, at the load measured that is nearest to the limit."""
        limit = self["utilisation"].likely
        loads = [one for one in self.evidence.loaded(self.profile.nodes.protocol) if _PERCENT in one.microseconds]
        if not loads:
            return []
        near = min(loads, key=lambda one: abs(one.utilisation - limit))
        modelled = self["alone"].likely + queueing.wait(_PERCENT, self["cpu"].likely, min(near.utilisation, 0.99))
        took = near.microseconds[_PERCENT].likely
        if took <= _FAR * modelled:
            return []
        return [
            f"p{_PERCENT:g} with {near.utilisation:.0%} of a core used was {quantity(took, 'us')}, where the model "
            f"says {quantity(modelled, 'us')}: the core was taken away meanwhile. Give the service cores of its own"
        ]

    def as_json(self) -> dict[str, Any]:
        """For programs: inputs, lines by name, and what they rest on."""
        result = self.evidence.result
        return {
            "format": "portdip-capacity",
            "version": 1,
            "inputs": self.profile.model_dump(mode="json"),
            "evidence": {
                "kind": self.evidence.kind,
                "measured": result.measured.isoformat(),
                "portdip": result.portdip,
                "machine": result.machine,
            },
            "headline": [{"what": what, "value": value, "remark": remark} for what, value, remark in self.headline()],
            "remarks": self.remarks(),
            "lines": {name: line.as_json() for name, line in self.lines.items()},
        }


def plan(profile: Profile, evidence: Evidence) -> Plan:
    """Work it out. Raises BenchResultError where the evidence lacks a figure."""
    made = Plan(profile, evidence)
    for step in (_traffic, _core, _nodes, _latency, _memory, _currency, _bootstrap):
        step(made)
    return made


def _traffic(made: Plan) -> None:
    section, asked = "Traffic in the busy hour", made.profile.traffic
    add, years = made.add, made.profile.years
    subscribers = add("subscribers", section, "subscribers", span(asked.subscribers), "", "given")
    if asked.minutes_per_year is not None:
        assert asked.minutes_per_call is not None
        assert asked.busy_hour_share is not None
        minutes = add("minutes", section, "minutes a year", span(asked.minutes_per_year), "", "given")
        each = add("call_minutes", section, "minutes a call", span(asked.minutes_per_call), "", "given")
        share = add("busy_share", section, "busy hour's share of a day", span(asked.busy_hour_share), "share", "given")
        calls = add(
            "calls", section, "calls a second", minutes / 365 / each * share / 3600, "/s", "modelled",
            "{minutes} / 365 / {call_minutes} * {busy_share} / 3600",
        )  # fmt: skip
    else:
        said = asked.busy_hour_attempts
        kind = "modelled" if said is None else "given"
        attempts = span(_BUSY_HOUR_ATTEMPTS if said is None else said)
        add("attempts", section, "busy-hour attempts of a subscriber", attempts, "", kind)
        calls = add(
            "calls", section, "calls a second", subscribers * attempts / 3600, "/s", "modelled",
            "{subscribers} * {attempts} / 3600",
        )  # fmt: skip
    dipped = add("dipped_share", section, "share of calls dipped", span(asked.dipped_share), "share", "given")
    call_dips = add(
        "call_dips", section, "dips for calls", calls * dipped, "/s", "modelled", "{calls} * {dipped_share}"
    )
    messages = add("sms_share", section, "messages dipped for each call dipped", span(asked.sms_share), "", "given")
    sms_dips = add(
        "sms_dips", section, "dips for messages", call_dips * messages, "/s", "modelled", "{call_dips} * {sms_share}"
    )
    now = add("dips", section, "dips a second now", call_dips + sms_dips, "/s", "modelled", "{call_dips} + {sms_dips}")
    growth = span(asked.growth)
    add("growth", section, "growth a year", growth, "share", "given")
    factor = (growth + 1.0) ** years
    add(
        "dips_later", section, f"dips a second in {years} years", now * factor, "/s", "modelled",
        f"{{dips}} * (1 + {{growth}})^{years}",
    )  # fmt: skip


def _core(made: Plan) -> None:
    section, evidence, nodes = "What a core answers", made.evidence, made.profile.nodes
    cpu = made.add(
        "cpu", section, f"CPU time of an answer, {nodes.protocol}", evidence.core_microseconds(nodes.protocol), "us",
        evidence.kind,
    )  # fmt: skip
    rate = made.add("core_rate", section, "dips a core-second", 1e6 / cpu, "/s", "modelled", "1 s / {cpu}")
    scaling = made.add(
        "scaling", section, "what a further core adds of a first one", Span.of(SCALING), "share", "reference"
    )
    limit = made.add("utilisation", section, "a core used up at most", span(nodes.utilisation), "share", "given")
    made.add(
        "core_usable", section, "dips a core-second to plan with", rate * scaling * limit, "/s", "modelled",
        "{core_rate} * {scaling} * {utilisation}",
    )  # fmt: skip


def _nodes(made: Plan) -> None:
    profile, add = made.profile, made.add
    section, sites, copies = f"Nodes, to do for {profile.years} years", profile.nodes.sites, profile.nodes.asked_at_once
    share = Span.of(1 / max(sites - 1, 1))
    left = "one site lost" if sites > 1 else "the only one"
    how = f"1 / ({sites} sites - 1 lost)" if sites > 1 else "1: the only site"
    add("site_share", section, f"share of the dips at a site, {left}", share, "share", "modelled", how)
    peak = add(
        "site_dips", section, f"dips a second at a site, {left}", made["dips_later"] * share * float(copies),
        "/s", "modelled", "{dips_later} * {site_share}" + (f" * {copies} nodes asked at once" if copies > 1 else ""),
    )  # fmt: skip
    cores = add(
        "site_cores", section, "cores at a site", (peak / made["core_usable"]).ceil(), "", "modelled",
        "{site_dips} / {core_usable}, rounded up",
    )  # fmt: skip
    each = add("node_cores", section, "cores of a node", Span.of(profile.nodes.cores), "", "given")
    # Each question goes to so many nodes: so many there must be, whatever they could carry.
    carrying = add(
        "carrying", section, "nodes that carry it", (cores / each).ceil(copies), "", "modelled",
        "{site_cores} / {node_cores}, rounded up",
    )  # fmt: skip
    site = add(
        "site_nodes", section, "nodes at a site, with one to spare", carrying + 1.0, "", "modelled",
        "{carrying} + 1",
    )  # fmt: skip
    add("nodes", section, "nodes in all", site * float(sites), "", "modelled", f"{{site_nodes}} * {sites} sites")
    # What is bought is the worst case: with so many nodes, how much of a core is used when?
    bought = Span.of(site.high)
    full = add(
        "site_full", section, "dips a second that a site could answer at most",
        bought * each * made["core_rate"] * made["scaling"], "/s", "modelled",
        f"{site.high:g} nodes * {{node_cores}} * {{core_rate}} * {{scaling}}",
    )  # fmt: skip
    add(
        "used_now", section, "cores used now, nothing lost", made["dips"] * float(copies) / float(sites) / full,
        "share", "modelled", f"{{dips}}{f' * {copies}' if copies > 1 else ''} / {sites} sites / {{site_full}}",
    )  # fmt: skip
    worst = add(
        "used_worst", section, f"cores used, {made.lost}",
        peak / full * (site.high / (site.high - 1)), "share", "modelled",
        f"{{site_dips}} / {{site_full}} * {site.high:g} / {site.high - 1:g}",
    )  # fmt: skip
    add(
        "headroom", section, "headroom then: how many times the load until all is used up", 1.0 / worst, "x",
        "modelled", "1 / {used_worst}",
    )  # fmt: skip


def _latency(made: Plan) -> None:
    section, evidence, protocol = "Time of an answer", made.evidence, made.profile.nodes.protocol
    alone = made.add(
        "alone", section, "median when nobody else asks", evidence.alone_microseconds(protocol), "us", evidence.kind
    )
    for name, used, when in (
        ("now", "used_now", "now, nothing lost"),
        ("worst", "used_worst", made.lost),
    ):
        utilisation = made[used]
        waits = [
            queueing.wait(_PERCENT, made["cpu"].likely, min(bound, 0.99))
            for bound in (utilisation.low, utilisation.likely, utilisation.high)
        ]
        made.add(
            f"latency_{name}", section, f"p{_PERCENT:g}, {when}", alone + Span(*waits), "us", "modelled",
            f"{{alone}} + wait of M/M/1 at {{{used}}} with {{cpu}} each",
        )  # fmt: skip


def _memory(made: Plan) -> None:
    section, asked, evidence = "Memory and disk of a node", made.profile.porting, made.evidence
    add, years = made.add, made.profile.years
    subscribers = made["subscribers"]
    if asked.ported_numbers is not None:
        ported = add("ported", section, "ported numbers now", span(asked.ported_numbers), "", "given")
    else:
        kind = "modelled" if asked.ported_share is None else "given"
        share = span(_PORTED_SHARE if asked.ported_share is None else asked.ported_share)
        add("ported_share", section, "share of the subscribers with a ported number", share, "share", kind)
        ported = add(
            "ported", section, "ported numbers now", subscribers * share, "", "modelled",
            "{subscribers} * {ported_share}",
        )  # fmt: skip
    ports = add("ports", section, "changes a day", span(asked.ports_per_day), "", "given")
    later = add(
        "ported_later", section, f"ported numbers in {years} years, at most",
        ported + ports * (365.0 * years) * (made["growth"] + 1.0) ** years, "", "modelled",
        f"{{ported}} + {{ports}} * 365 * {years} * (1 + {{growth}})^{years}: as if none was ported before",
    )  # fmt: skip
    used = add("used_share", section, "share of a block's numbers in use", span(asked.used_share), "share", "given")
    for name, numbers, when in (("now", "ported", "now"), ("later", "ported_later", f"in {years} years")):
        density = add(
            f"density_{name}", section, f"share of a block's numbers ported, {when}",
            _at_most(made[numbers] / subscribers * used, 1.0), "share", "modelled",
            f"{{{numbers}}} / {{subscribers}} * {{used_share}}",
        )  # fmt: skip
        each = add(
            f"index_bytes_{name}", section, f"index bytes of a number, {when}", evidence.index_bytes(density),
            "B", evidence.kind,
        )  # fmt: skip
        add(
            f"index_{name}", section, f"index, {when}", made[numbers] * each, "B", "modelled",
            f"{{{numbers}}} * {{index_bytes_{name}}}",
        )  # fmt: skip
    own = add("worker", section, "memory of its own of a worker", evidence.worker_bytes(), "B", evidence.kind)
    cores = made["node_cores"]
    for name, when in (("now", "now"), ("later", f"in {years} years")):
        add(
            f"memory_{name}", section, f"memory of a node, {when}", made[f"index_{name}"] * 2.0 + own * cores, "B",
            "modelled", f"2 * {{index_{name}}} (the next one while it is folded) + {{node_cores}} * {{worker}}",
        )  # fmt: skip
    snapshot = add("snapshot_bytes", section, "bytes of a number in a snapshot", evidence.snapshot_bytes(), "B",
                   evidence.kind)  # fmt: skip
    change = add("change_bytes", section, "bytes of a change in a delta", Span.of(evidence.change_bytes()), "B",
                 evidence.kind)  # fmt: skip
    add(
        "disk", section, f"disk of a node in {years} years",
        later * snapshot * float(_SNAPSHOTS) + ports * change * float(_RETENTION_DAYS), "B", "modelled",
        f"{_SNAPSHOTS} * {{ported_later}} * {{snapshot_bytes}} + {_RETENTION_DAYS} days * {{ports}} * {{change_bytes}}",
    )  # fmt: skip


def _currency(made: Plan) -> None:
    section, asked, add = "Staying current", made.profile.porting, made.add
    share = add("hour_share", section, "share of a day's changes at one full hour", span(asked.hour_share), "share",
                "given")  # fmt: skip
    burst = add("burst", section, "changes at the fullest full hour", made["ports"] * share, "", "modelled",
                "{ports} * {hour_share}")  # fmt: skip
    rate = add("applied", section, "changes a second that a node verifies and applies",
               made.evidence.applied_per_second(), "/s", made.evidence.kind)  # fmt: skip
    add("burst_seconds", section, "until a node has applied them", burst / rate, "s", "modelled",
        "{burst} / {applied}")  # fmt: skip
    each = made["change_bytes"]
    add("day_bytes", section, "deltas to each node in a day", made["ports"] * each, "B", "modelled",
        "{ports} * {change_bytes}")  # fmt: skip
    burst_bytes = add("burst_bytes", section, "deltas to each node at that hour", burst * each, "B", "modelled",
                      "{burst} * {change_bytes}")  # fmt: skip
    link = add("link", section, "link of a node", span(made.profile.nodes.link_mbit) * 1e6, "bit/s", "given")
    add("burst_link", section, "until they have come over the link", burst_bytes * 8.0 / link, "s", "modelled",
        "{burst_bytes} * 8 / {link}")  # fmt: skip
    add("burst_bandwidth", section, "bandwidth from the publisher, if all nodes are to have them in a second",
        burst_bytes * 8.0 * made["nodes"], "bit/s", "modelled", "{burst_bytes} * 8 * {nodes} / 1 s")  # fmt: skip


def _bootstrap(made: Plan) -> None:
    section, evidence, add, years = "A new node", made.evidence, made.add, made.profile.years
    numbers = made["ported_later"]
    size = add("snapshot", section, f"snapshot to fetch in {years} years", numbers * made["snapshot_bytes"], "B",
               "modelled", "{ported_later} * {snapshot_bytes}")  # fmt: skip
    fetch = add("fetch", section, "over the link", size * 8.0 / made["link"], "s", "modelled",
                "{snapshot} * 8 / {link}")  # fmt: skip
    rate = add("founded", section, "numbers a second checked, written and synced", evidence.founded_per_second(), "/s",
               evidence.kind)  # fmt: skip
    check = add("check", section, "to check and write it", numbers / rate, "s", "modelled",
                "{ported_later} / {founded}")  # fmt: skip
    start = add("start", section, "start of a process, to the first answer", evidence.start_seconds(), "s",
                evidence.kind)  # fmt: skip
    behind = add("behind", section, "to apply a day of deltas since", made["ports"] / made["applied"], "s", "modelled",
                 "{ports} / {applied}")  # fmt: skip
    add("bootstrap", section, "from nothing to answering", fetch + check + start + behind, "s", "modelled",
        "{fetch} + {check} + {start} + {behind}")  # fmt: skip


def _at_most(value: Span, limit: float) -> Span:
    return Span(*(min(bound, limit) for bound in (value.low, value.likely, value.high)))


def text(line: Line) -> tuple[str, str]:
    """A line's value and its bounds, for people."""
    return quantity(line.value.likely, line.unit), span_text(line.value, line.unit)
