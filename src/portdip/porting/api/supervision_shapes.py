"""What requests and answers of supervision look like: complaints, violations, cases, evidence."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from portdip.porting.api.shapes import Because, Carrier, Digits, Moment, Reference, Text, _In
from portdip.porting.supervision.cases import CaseState, Measure
from portdip.porting.supervision.complaints import Stage
from portdip.porting.supervision.evidence import EvidenceKind
from portdip.porting.supervision.violations import Prohibition, Status

#: The id of a record that is kept by number.
RecordId = Annotated[int, Field(ge=1, lt=2**63)]
_Words = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")]


def _decoded(text: object) -> object:
    """pydantic's own base64 passes over what is none."""
    if not isinstance(text, str) or not text:
        raise ValueError("give base64")
    return base64.b64decode(text, validate=True)


_Base64 = Annotated[
    bytes, BeforeValidator(_decoded), WithJsonSchema({"type": "string", "contentEncoding": "base64", "minLength": 4})
]


class ComplaintEntry(_In):
    """A complaint about a carrier; what the subscriber says goes with it as evidence."""

    carrier: Carrier
    topic: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]
    number: Digits | None = None
    order: Reference = ""


class ComplaintView(BaseModel):
    """A complaint at its `revision`, which is its ETag too. `due` is when the stage's clock runs out."""

    reference: str
    carrier: str
    complainant: str
    profile: str
    topic: str
    number: str | None
    order: str | None
    stage: Stage
    revision: int
    due: datetime | None
    late: list[Stage]
    opened: datetime
    answered: datetime | None
    escalated: datetime | None
    ended: datetime | None


class Complaints(BaseModel):
    """A page of complaints, the newest first; `next` asks for the page after it."""

    complaints: list[ComplaintView]
    next: str | None


class ViolationEntry(_In):
    """What a carrier did against the nine prohibitions (V1 to V9). `evidence` are ids of pieces that are kept."""

    carrier: Carrier
    code: Prohibition
    finding: _Words
    evidence: tuple[RecordId, ...] = Field(default=(), max_length=50)
    order: Reference = ""
    complaint: Reference = ""


class Search(_In):
    """Orders that changed at `since` or later are looked at."""

    since: Moment


class Decision(Because):
    """What the regulator holds of a finding."""

    status: Annotated[Status, Field(description="confirmed or dismissed.")]


class ViolationView(BaseModel):
    """A finding, a suspicion until it is confirmed. `rule` is '' where it was reported."""

    id: int
    code: Prohibition
    prohibited: str
    carrier: str
    rule: str
    finding: str
    evidence: list[int]
    order: str | None
    complaint: str | None
    case: str | None
    status: Status
    found: datetime


class Violations(BaseModel):
    """A page of findings, the newest first; `next` asks for the page after it."""

    violations: list[ViolationView]
    next: str | None


class CaseEntry(Because):
    """A case against a carrier, which rests on confirmed violations (ids)."""

    carrier: Carrier
    violations: tuple[RecordId, ...] = Field(min_length=1, max_length=500)


class MeasureEntry(Because):
    """A measure: a fine with `warn`, money and its beneficiary with `compensate`, `due` with `warn` or `suspend`.

    `amount` is in the smallest unit of `currency`.
    """

    amount: Annotated[int, Field(ge=0, lt=2**63)] = 0
    currency: Annotated[str, Field(pattern="^([A-Z]{3})?$")] = ""
    beneficiary: Text = ""
    due: Moment | None = None


class MeasureView(BaseModel):
    """A measure that was taken."""

    measure: Measure
    amount: int
    currency: str
    beneficiary: str
    cause: str
    at: datetime


class CaseView(BaseModel):
    """A case at its `revision`, which is its ETag too."""

    reference: str
    carrier: str
    state: CaseState
    revision: int
    due: datetime | None
    opened: datetime
    violations: list[int]
    measures: list[MeasureView]


class Cases(BaseModel):
    """A page of cases, the newest first; `next` asks for the page after it."""

    cases: list[CaseView]
    next: str | None


class EvidenceEntry(_In):
    """A piece of evidence, `content` in base64. Centre and regulator name the `carrier` that took it."""

    kind: EvidenceKind
    content: _Base64
    carrier: Annotated[str, Field(max_length=64, pattern=r"^[!-~]*$")] = ""
    number: Digits | None = None
    order: Reference = ""
    complaint: Reference = ""
    wording: Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$", description="Of the notice.")] = ""
    media_type: Annotated[str, Field(pattern=r"^[a-z]+/[A-Za-z0-9.+-]{1,100}$")] = "application/octet-stream"


class EvidenceView(BaseModel):
    """A piece of evidence without its content. `digest` is SHA-256 over a salt and the content."""

    id: int
    kind: EvidenceKind
    carrier: str
    number: str | None
    order: str | None
    complaint: str | None
    wording: str
    media_type: str
    digest: str
    at: datetime
    keep_until: datetime
    erased: datetime | None


class EvidenceList(BaseModel):
    """The evidence of an order or of a complaint, oldest first."""

    evidence: list[EvidenceView]
