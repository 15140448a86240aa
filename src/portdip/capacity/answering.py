"""The steps of a plan from traffic to nodes: dips in the busy hour, what a core answers, how many nodes, how fast."""

from __future__ import annotations

from portdip.capacity import queueing
from portdip.capacity.evidence import SCALING
from portdip.capacity.lines import PERCENT, Lines
from portdip.capacity.quantity import Span
from portdip.capacity.traffic import ATTEMPTS


def traffic(made: Lines) -> None:
    """Dips a second now, and the most until the last year."""
    section, asked, add, put = "Traffic in the busy hour", made.profile.traffic, made.add, made.add_input
    subscribers = put("subscribers", section, "subscribers", "", (asked, "subscribers"))
    if asked.minutes_per_year is not None:
        minutes = put("minutes", section, "minutes a year", "", (asked, "minutes_per_year"))
        each = put("call_minutes", section, "minutes a call", "", (asked, "minutes_per_call"))
        share = put("busy_share", section, "busy hour's share of a day", "share", (asked, "busy_hour_share"))
        calls = add(
            "calls", section, "calls a second", minutes / 365 / each * share / 3600, "/s", "modelled",
            "{minutes} / 365 / {call_minutes} * {busy_share} / 3600",
        )  # fmt: skip
    else:
        attempts = put("attempts", section, "busy-hour attempts of a subscriber", "", (asked, "busy_hour_attempts"),
                       default=ATTEMPTS)  # fmt: skip
        calls = add(
            "calls", section, "calls a second", subscribers * attempts / 3600, "/s", "modelled",
            "{subscribers} * {attempts} / 3600",
        )  # fmt: skip
    dipped = put("dipped_share", section, "share of calls dipped", "share", (asked, "dipped_share"))
    call_dips = add(
        "call_dips", section, "dips for calls", calls * dipped, "/s", "modelled", "{calls} * {dipped_share}"
    )
    messages = put("sms_share", section, "messages dipped for each call dipped", "", (asked, "sms_share"))
    sms_dips = add(
        "sms_dips", section, "dips for messages", call_dips * messages, "/s", "modelled", "{call_dips} * {sms_share}"
    )
    now = add("dips", section, "dips a second now", call_dips + sms_dips, "/s", "modelled", "{call_dips} + {sms_dips}")
    growth = put("growth", section, "growth a year", "share", (asked, "growth"))
    # It grows or shrinks all the time, so the most is at one end.
    factor = add(
        "growth_most", section, f"times as much {made.period}, at most",
        ((growth + 1.0) ** made.profile.years).at_least(1.0), "x", "modelled",
        f"(1 + {{growth}})^{made.profile.years}, no less than 1",
    )  # fmt: skip
    add(
        "dips_most", section, f"dips a second {made.period}, at most", now * factor, "/s", "modelled",
        "{dips} * {growth_most}",
    )  # fmt: skip


def core(made: Lines) -> None:
    """Dips a second of a core, to plan with."""
    section, evidence, nodes = "What a core answers", made.evidence, made.profile.nodes
    cpu = made.add(
        "cpu", section, f"CPU time of an answer, {nodes.protocol}", evidence.core_microseconds(nodes.protocol), "us",
        evidence.kind,
    )  # fmt: skip
    rate = made.add("core_rate", section, "dips a core-second", 1e6 / cpu, "/s", "modelled", "1 s / {cpu}")
    label = "share of a core's rate with all cores at work"
    if nodes.cores > 1:
        scaling = made.add("scaling", section, label, Span.of(SCALING), "share", "reference")
    else:
        scaling = made.add("scaling", section, label, Span.of(1.0), "share", "modelled", "1: a node has one core")
    limit = made.add_input("utilisation", section, "a core used up at most", "share", (nodes, "utilisation"))
    made.add(
        "core_usable", section, "dips a core-second to plan with", rate * scaling * limit, "/s", "modelled",
        "{core_rate} * {scaling} * {utilisation}",
    )  # fmt: skip


def nodes(made: Lines) -> None:
    """How many, and how much of them is used when."""
    profile, add = made.profile, made.add
    section, sites, copies = f"Nodes, to do for {profile.years} years", profile.nodes.sites, profile.nodes.asked_at_once
    share = Span.of(1 / max(sites - 1, 1))
    left = "one site lost" if sites > 1 else "the only one"
    how = f"1 / ({sites} sites - 1 lost)" if sites > 1 else "1: the only site"
    add("site_share", section, f"share of the dips at a site, {left}", share, "share", "modelled", how)
    peak = add(
        "site_dips", section, f"dips a second at a site, {left}", made["dips_most"] * share * float(copies),
        "/s", "modelled", "{dips_most} * {site_share}" + (f" * {copies} nodes asked at once" if copies > 1 else ""),
    )  # fmt: skip
    cores = add(
        "site_cores", section, "cores at a site", (peak / made["core_usable"]).ceil(), "", "modelled",
        "{site_dips} / {core_usable}, rounded up",
    )  # fmt: skip
    each = made.add_input("node_cores", section, "cores of a node", "", (profile.nodes, "cores"))
    # Each question goes to so many nodes: so many there must be, whatever they could carry.
    fewest = f"; no fewer than the {copies} asked at once" if copies > 1 else ""
    carrying = add(
        "carrying", section, "nodes that carry it", (cores / each).ceil(copies), "", "modelled",
        "{site_cores} / {node_cores}, rounded up" + fewest,
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
        f"{site.high:.0f} nodes * {{node_cores}} * {{core_rate}} * {{scaling}}",
    )  # fmt: skip
    add(
        "used_now", section, "cores used now, nothing lost", made["dips"] * float(copies) / float(sites) / full,
        "share", "modelled", f"{{dips}}{f' * {copies}' if copies > 1 else ''} / {sites} sites / {{site_full}}",
    )  # fmt: skip
    worst = add(
        "used_worst", section, f"cores used at most, {made.lost}",
        peak / full * (site.high / (site.high - 1)), "share", "modelled",
        f"{{site_dips}} / {{site_full}} * {site.high:.0f} / {site.high - 1:.0f}",
    )  # fmt: skip
    add(
        "headroom", section, "headroom then: times the load until all is used", 1.0 / worst, "x",
        "modelled", "1 / {used_worst}",
    )  # fmt: skip


def latency(made: Lines) -> None:
    """The time of an answer: of one that waits for nobody, and the wait."""
    section, evidence, protocol = "Time of an answer", made.evidence, made.profile.nodes.protocol
    is_inside = protocol == "engine"
    label = "mean time of a dip, no other under way" if is_inside else f"p{PERCENT:g} when nobody else asks"
    alone = made.add("alone", section, label, evidence.alone_microseconds(protocol, PERCENT), "us", evidence.kind)
    made.loads = evidence.loaded(protocol)
    cpu = made["cpu"]
    for name, when in (("now", "now, nothing lost"), ("worst", made.lost)):
        used = made[f"used_{name}"].at_most(0.99)
        wait = Span(
            queueing.wait(PERCENT, cpu.low, used.low),
            queueing.wait(PERCENT, cpu.likely, used.likely),
            queueing.wait(PERCENT, cpu.high, used.high),
        )
        made.add(
            f"latency_{name}", section, f"p{PERCENT:g}, {when}", alone + wait, "us", "modelled",
            f"{{alone}} + wait of M/M/1 at {{used_{name}}} with {{cpu}} each",
        )  # fmt: skip
