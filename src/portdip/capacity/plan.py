"""From a network's traffic and what a core carries to nodes, memory and times: every step a line with its formula.

A line says what it is (given, assumed, measured, reference, modelled), its value with bounds, and the formula in words
and in numbers, so that anybody may redo it with a pencil. Bounds are the worst cases of all that goes in, together;
nodes are counted by the worst case, for what is too small is found out in the busy hour. What grows or shrinks counts
with the most of the years, for it is to do today and in the last of them.
"""

from __future__ import annotations

from typing import Any

from portdip.capacity import answering, keeping, queueing
from portdip.capacity.evidence import SCALING, SCALING_CORES, Evidence
from portdip.capacity.lines import PERCENT, Lines
from portdip.capacity.quantity import quantity
from portdip.capacity.suite.tables import DENSITIES
from portdip.capacity.traffic import Profile

#: With fewer rounds the spread of a figure says little.
_ROUNDS_MIN = 4
#: How many times a modelled time, or a table measured, may be exceeded before that is said.
_FAR = 3.0


class Plan(Lines):
    """All lines, the answers in short, and what to know about them."""

    def headline(self) -> list[tuple[str, str, str]]:
        """The answers in short: what, the value to go by, and a remark. Counts and sizes are the worst case."""
        sites, period = self.profile.nodes.sites, self.period
        places = f"at each of {sites} sites, one may be lost" if sites > 1 else "at one site"
        measured = "; measured longer, see below" if self._beside_the_model() else ""
        return [
            ("nodes", _count(self["nodes"].high), f"{_count(self['site_nodes'].high)} {places}, one to spare"),
            (
                "cores of each",
                _count(self["node_cores"].high),
                f"{_count(self['site_cores'].high)} do for a whole site",
            ),
            ("dips a second", quantity(self["dips_most"].high, ""), f"in the busy hour, {period}, at most"),
            ("headroom", quantity(self["headroom"].low, "x"), f"{self.lost}, worst case"),
            ("memory of each", quantity(self["memory_most"].high, "B"), f"{period}, at most"),
            ("full hour applied in", quantity(self["burst_seconds"].high, "s"), "all changes of the fullest hour"),
            ("new node answers in", quantity(self["bootstrap"].high, "s"), f"from nothing, {period}, at most"),
            ("p99.9 of an answer", quantity(self["latency_worst"].high, "us"), f"modelled, {self.lost}{measured}"),
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
        found += self._beyond_what_was_measured()
        if evidence.result.rounds < _ROUNDS_MIN:
            found.append(f"fewer than {_ROUNDS_MIN} rounds were measured: bounds of measured values are too narrow")
        if profile.nodes.sites == 1:
            found.append("one site: nothing answers where it is lost")
        if profile.nodes.protocol == "engine":
            found.append(
                "inside a process only the mean time of a dip was measured: what is slow at times is not in p99.9"
            )
        if profile.nodes.protocol == "pdb" and profile.nodes.asked_at_once == 1:
            found.append("Kamailio asks all pdb servers that it knows at once: nodes.asked_at_once is how many that is")
        return found

    def _beside_the_model(self) -> list[str]:
        """Whether answers took far longer than modelled, at the loads measured nearest to the plan's."""
        loads = [one for one in self.loads if PERCENT in one.microseconds]
        planned = (self["used_worst"].likely, self["utilisation"].likely)
        near = {min(loads, key=lambda one: abs(one.utilisation - at)).utilisation for at in planned} if loads else set()
        found = []
        for one in loads:
            modelled = self["alone"].likely + queueing.wait(PERCENT, self["cpu"].likely, min(one.utilisation, 0.99))
            took = one.microseconds[PERCENT].likely
            if one.utilisation in near and took > _FAR * modelled:
                found.append(
                    f"{quantity(took, 'us')} with {one.utilisation:.0%} of a core used, where the model says "
                    f"{quantity(modelled, 'us')}"
                )
        if not found:
            return []
        return [
            f"p{PERCENT:g} was measured as {', and '.join(found)}: a host or other processes may have taken the core "
            "away meanwhile. Give the service cores of its own, and measure there"
        ]

    def _beyond_what_was_measured(self) -> list[str]:
        """Where the plan needs more than the figures cover."""
        found = []
        cores, numbers = self.profile.nodes.cores, self["ported_most"].high
        measured = self.evidence.core_numbers(self.profile.nodes.protocol)
        if cores > SCALING_CORES:
            found.append(
                f"more than {SCALING_CORES} cores at work were not measured: that each of {cores} does {SCALING:.1%} "
                "of one alone is assumed"
            )
        if numbers > _FAR * measured > 0:
            found.append(
                f"the table asked had {quantity(measured, '')} numbers, that of the plan has up to "
                f"{quantity(numbers / measured, 'x').replace(' x', ' times')} as many: an answer may cost more there"
            )
        densities = [self[f"density_{when}"] for when in ("now", "most")]
        if min(one.low for one in densities) < DENSITIES[0] or max(one.high for one in densities) > DENSITIES[-1]:
            thin, dense = (quantity(share, "share") for share in (DENSITIES[0], DENSITIES[-1]))
            found.append(
                f"index bytes were measured where {thin} to {dense} of a block are ported: beyond, bounds are wide"
            )
        return found

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
    """Work it out. Raises BenchResultError where the evidence lacks a figure, or has one that cannot be."""
    made = Plan(profile, evidence)
    for step in (
        answering.traffic, answering.core, answering.nodes, answering.latency,
        keeping.ported, keeping.memory, keeping.currency, keeping.bootstrap,
    ):  # fmt: skip
        step(made)
    return made


def _count(value: float) -> str:
    """So many whole things."""
    return f"{value:,.0f}"
