"""The lines of a capacity plan: each a step with its value, its bounds and its formula, in words and in numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from portdip.capacity.evidence import Evidence, Loaded
from portdip.capacity.quantity import Span, quantity, span_text
from portdip.capacity.traffic import Profile, span

#: What people who call notice is counted in hundreds of milliseconds: a percentile to plan by.
PERCENT = 99.9


class Kind(StrEnum):
    """Where a value comes from."""

    GIVEN = "given"
    ASSUMED = "assumed"
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
class Lines:
    """The lines in order, by name; `loads` is what was measured of answers at each load."""

    profile: Profile
    evidence: Evidence
    lines: dict[str, Line] = field(default_factory=dict)
    loads: list[Loaded] = field(default_factory=list)

    def __getitem__(self, name: str) -> Span:
        return self.lines[name].value

    def add(self, name: str, section: str, label: str, value: Span, unit: str, kind: str, formula: str = "") -> Span:
        """A line; `formula` names other lines in braces: `{subscribers} * {attempts} / 3600`."""
        words = formula.format_map({key: line.label for key, line in self.lines.items()})
        numbers = formula.format_map({key: quantity(line.value.likely, line.unit) for key, line in self.lines.items()})
        self.lines[name] = Line(section, label, value, unit, Kind(kind), words, numbers)
        return value

    def add_input(
        self, name: str, section: str, label: str, unit: str, said: tuple[BaseModel, str], scale: float = 1.0,
        default: float | tuple[float, float] = 0.0,
    ) -> Span:  # fmt: skip
        """A line for a key of a section of the profile: given, or where nobody said it, assumed."""
        part, key = said
        kind = Kind.GIVEN if key in part.model_fields_set else Kind.ASSUMED
        value: float | tuple[float, float] = default if getattr(part, key) is None else getattr(part, key)
        return self.add(name, section, label, span(value) * scale, unit, kind)

    @property
    def lost(self) -> str:
        """What the nodes must do without in the worst case."""
        return "a site and a node lost" if self.profile.nodes.sites > 1 else "a node lost"

    @property
    def period(self) -> str:
        """The time that the nodes are to do for: something may grow or shrink in it, and they do for the most of it."""
        years = self.profile.years
        return {0: "now", 1: "within a year"}.get(years, f"within {years} years")


def text(line: Line) -> tuple[str, str]:
    """A line's value and its bounds, for people."""
    return quantity(line.value.likely, line.unit), span_text(line.value, line.unit)
