"""The steps of a plan for what a node keeps: ported numbers, memory, disk, the changes of a day, a node that is new."""

from __future__ import annotations

from portdip.capacity.lines import Lines
from portdip.capacity.quantity import Span
from portdip.capacity.traffic import PORTED_SHARE, PORTS_SHARE

#: Kept on disk of each node: the live snapshot and two older ones; days of deltas (`retention_days`).
_SNAPSHOTS, _RETENTION_DAYS = 3, 548
_NUMBERS = "Ported numbers"


def ported(made: Lines) -> None:
    """Ported numbers now and at most, and the changes of a day."""
    asked, add, put, years = made.profile.porting, made.add, made.add_input, made.profile.years
    subscribers, growth = made["subscribers"], made["growth_most"]
    most = add("subscribers_most", _NUMBERS, f"subscribers {made.period}, at most", subscribers * growth, "",
               "modelled", "{subscribers} * {growth_most}")  # fmt: skip
    if asked.ported_numbers is not None:
        now = put("ported", _NUMBERS, "ported numbers now", "", (asked, "ported_numbers"))
    else:
        share = put("ported_share", _NUMBERS, "share of the subscribers with a ported number", "share",
                    (asked, "ported_share"), default=PORTED_SHARE)  # fmt: skip
        now = add("ported", _NUMBERS, "ported numbers now", subscribers * share, "", "modelled",
                  "{subscribers} * {ported_share}")  # fmt: skip
    if asked.ports_per_day is not None:
        ports = put("ports", _NUMBERS, "changes a day now", "", (asked, "ports_per_day"))
    else:
        share = put("ports_share", _NUMBERS, "changes a day of each subscriber", "share", (asked, "ports_per_day"),
                    default=PORTS_SHARE)  # fmt: skip
        ports = add("ports", _NUMBERS, "changes a day now", subscribers * share, "", "modelled",
                    "{subscribers} * {ports_share}")  # fmt: skip
    ports = add("ports_most", _NUMBERS, f"changes a day {made.period}, at most", ports * growth, "", "modelled",
                "{ports} * {growth_most}")  # fmt: skip
    add(
        "ported_most", _NUMBERS, f"ported numbers {made.period}, at most",
        (now + ports * (365.0 * years)).at_most(most), "", "modelled",
        f"{{ported}} + {{ports_most}} * 365 * {years}, as if none was ported before; no more than {{subscribers_most}}",
    )  # fmt: skip


def memory(made: Lines) -> None:
    """Memory and disk of a node."""
    section, evidence, add, asked = "Memory and disk of a node", made.evidence, made.add, made.profile.porting
    used = made.add_input("used_share", section, "share of a block's numbers in use", "share", (asked, "used_share"))
    own = add("worker", section, "memory of its own of a worker", evidence.worker_bytes(), "B", evidence.kind)
    for name, of, when, most in (("now", "", "now", ""), ("most", "_most", made.period, ", at most")):
        numbers, subscribers = made["ported" + of], made["subscribers" + of]
        density = add(
            f"density_{name}", section, f"share of a block's numbers ported, {when}",
            (numbers / subscribers).at_most(1.0) * used, "share", "modelled",
            f"{{ported{of}}} / {{subscribers{of}}} * {{used_share}}, no more than {{used_share}}",
        )  # fmt: skip
        each = add(
            f"index_bytes_{name}", section, f"index bytes of a number, {when}", evidence.index_bytes(density),
            "B", "modelled", evidence.index_bytes_formula(density.likely),
        )  # fmt: skip
        index = add(
            f"index_{name}", section, f"index, {when}{most}", numbers * each, "B", "modelled",
            f"{{ported{of}}} * {{index_bytes_{name}}}",
        )  # fmt: skip
        add(
            f"memory_{name}", section, f"memory of a node, {when}{most}", index * 2.0 + own * made["node_cores"], "B",
            "modelled", f"2 * {{index_{name}}} (the next one while it is folded) + {{node_cores}} * {{worker}}",
        )  # fmt: skip
    snapshot = add("snapshot_bytes", section, "bytes of a number in a snapshot", evidence.snapshot_bytes(), "B",
                   evidence.kind)  # fmt: skip
    change = add("change_bytes", section, "bytes of a change in a delta", Span.of(evidence.change_bytes()), "B",
                 evidence.kind)  # fmt: skip
    add(
        "disk", section, f"disk of a node {made.period}, at most",
        made["ported_most"] * snapshot * float(_SNAPSHOTS) + made["ports_most"] * change * float(_RETENTION_DAYS),
        "B", "modelled",
        f"{_SNAPSHOTS} * {{ported_most}} * {{snapshot_bytes}} "
        f"+ {_RETENTION_DAYS} days * {{ports_most}} * {{change_bytes}}",
    )  # fmt: skip


def currency(made: Lines) -> None:
    """What the changes of a day, and of its fullest hour, ask of nodes and links."""
    section, profile, add, put = "Staying current", made.profile, made.add, made.add_input
    share = put("hour_share", section, "share of a day's changes at one full hour", "share",
                (profile.porting, "hour_share"))  # fmt: skip
    burst = add("burst", section, "changes at the fullest full hour", made["ports_most"] * share, "", "modelled",
                "{ports_most} * {hour_share}")  # fmt: skip
    rate = add("applied", section, "changes a second that a node verifies and applies",
               made.evidence.applied_per_second(), "/s", made.evidence.kind)  # fmt: skip
    add("burst_seconds", section, "until a node has applied them", burst / rate, "s", "modelled",
        "{burst} / {applied}")  # fmt: skip
    each = made["change_bytes"]
    add("day_bytes", section, "deltas to each node in a day", made["ports_most"] * each, "B", "modelled",
        "{ports_most} * {change_bytes}")  # fmt: skip
    burst_bytes = add("burst_bytes", section, "deltas to each node at that hour", burst * each, "B", "modelled",
                      "{burst} * {change_bytes}")  # fmt: skip
    link = put("link", section, "link of a node", "bit/s", (profile.nodes, "link_mbit"), scale=1e6)
    add("burst_link", section, "until they have come over the link", burst_bytes * 8.0 / link, "s", "modelled",
        "{burst_bytes} * 8 / {link}")  # fmt: skip
    add("burst_bandwidth", section, "bandwidth from the publisher, if all nodes are to have them in a second",
        burst_bytes * 8.0 * made["nodes"], "bit/s", "modelled", "{burst_bytes} * 8 * {nodes} / 1 s")  # fmt: skip


def bootstrap(made: Lines) -> None:
    """How long a new node takes, from nothing."""
    section, evidence, add = "A new node", made.evidence, made.add
    numbers = made["ported_most"]
    size = add("snapshot", section, f"snapshot to fetch {made.period}, at most", numbers * made["snapshot_bytes"], "B",
               "modelled", "{ported_most} * {snapshot_bytes}")  # fmt: skip
    fetch = add("fetch", section, "over the link", size * 8.0 / made["link"], "s", "modelled",
                "{snapshot} * 8 / {link}")  # fmt: skip
    rate = add("founded", section, "numbers a second checked, written and synced", evidence.founded_per_second(), "/s",
               evidence.kind)  # fmt: skip
    check = add("check", section, "to check and write it", numbers / rate, "s", "modelled",
                "{ported_most} / {founded}")  # fmt: skip
    start = add("start", section, "start of a process, to the first answer", evidence.start_seconds(), "s",
                evidence.kind)  # fmt: skip
    behind = add("behind", section, "to apply a day of deltas since", made["ports_most"] / made["applied"], "s",
                 "modelled", "{ports_most} / {applied}")  # fmt: skip
    add("bootstrap", section, "from nothing to answering", fetch + check + start + behind, "s", "modelled",
        "{fetch} + {check} + {start} + {behind}")  # fmt: skip
