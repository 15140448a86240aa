"""A porting profile: the rules of one country, as data.

A profile says which states are used, who decides, what the review asks, what an authorization code looks like, how
long everything may take and by which calendar, when numbers cut over, how many, and what subscribers are told. Every
rule names its source. Ours are the TOML files in `profiles/`; a new country is a new file, given by its path. Words
of the file that are not explained here are those of `portdip.porting.states`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from datetime import datetime, time, timedelta
from enum import StrEnum
from importlib import resources
from pathlib import Path
from string import Formatter
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from portdip.errors import ProfileError
from portdip.porting.calendars import Calendar
from portdip.porting.states import FINAL, MOVES, Act, State

#: The reason for a rejection that a timer makes.
NO_ANSWER = "no-answer"

#: The profiles that come with portdip.
NAMES = ("cn", "nanp", "nl", "in")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Text(_Section):
    """One text in the languages we speak; `{name}` stands for a value."""

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)

    def filled(self, language: str, **values: str) -> str:
        """The text in a language (`zh` or `en`) with its values."""
        return (self.zh if language == "zh" else self.en).format(**values)


class Duration(_Section):
    """A length of time: of natural days, hours and minutes, or counted while desks are open."""

    days: int = Field(default=0, ge=0)
    hours: int = Field(default=0, ge=0)
    minutes: int = Field(default=0, ge=0)
    clock: Literal["natural", "business"] = "natural"

    def after(self, moment: datetime, calendar: Calendar) -> datetime:
        """The moment (UTC) so long after `moment`. Business days come first, then open hours and minutes."""
        if self.clock == "natural":
            return moment + timedelta(days=self.days, hours=self.hours, minutes=self.minutes)
        then = calendar.after_days(moment, self.days) if self.days else moment
        part = timedelta(hours=self.hours, minutes=self.minutes)
        return calendar.after_hours(then, part) if part else then


class Timer(Duration):
    """How long an order may stay in a state, and what is done then by the profile's rule.

    A timer starts when the order comes into `state`, but for one that another names as `then`: that one starts when
    the other's act was done and the order is still in the state.
    """

    state: State
    act: Act
    then: str = ""
    source: str = Field(min_length=1)


class Check(StrEnum):
    """What the review of a subscriber can ask (`portdip.porting.eligibility`)."""

    KNOWN = "known"
    DONOR = "donor"
    KIND = "kind"
    REAL_NAME = "real-name"
    IDENTITY = "identity"
    STATUS = "status"
    ARREARS = "arrears"
    UNBILLED = "unbilled"
    CONTRACT = "contract"
    TENURE = "tenure"
    FREEZE = "freeze"
    BAR = "bar"
    ONGOING = "ongoing"


class Rule(_Section):
    """One condition of eligibility. `reason` is its code; `text` says what is wrong, `remedy` what to do about it."""

    reason: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    check: Check
    days: int = Field(default=0, ge=0, description="For `tenure` and `freeze`.")
    kinds: frozenset[str] = Field(default=frozenset(), description="For `kind`: those that may be ported.")
    bar: str = Field(default="", description="For `bar`: which.")
    source: str = Field(min_length=1)
    text: Text
    remedy: Text

    @model_validator(mode="after")
    def _check_is_complete(self) -> Self:
        wants = {Check.TENURE: "days", Check.FREEZE: "days", Check.KIND: "kinds", Check.BAR: "bar"}
        given = {name for name in ("days", "kinds", "bar") if getattr(self, name)}
        wanted = {wants[self.check]} if self.check in wants else set()
        if given != wanted:
            raise ValueError(f"{self.check} takes {', '.join(wanted) or 'nothing'}")
        return self


class CodeForm(_Section):
    """The authorization code: what it looks like and how long it lives."""

    alphabet: str = Field(min_length=10, pattern=r"^[0-9A-Z]+$")
    length: int = Field(ge=6, le=16)
    lifetime: Duration
    areas: dict[str, Duration] = Field(default_factory=dict, description="Other lifetimes, by area.")
    attempts: int = Field(
        default=5, ge=1, description="Wrong tries of a carrier before the right one is no good to it."
    )
    attempts_in_all: int = Field(default=20, ge=1, description="Of all carriers, before it is no good to anybody.")
    source: str = Field(min_length=1)

    @model_validator(mode="after")
    def _one_carrier_does_not_block_all(self) -> Self:
        if self.attempts_in_all <= self.attempts:
            raise ValueError(
                "`attempts_in_all` must be more than `attempts`: one carrier must not block a code for all"
            )
        return self


class Consent(_Section):
    """What a subscriber must have agreed to before an order is submitted; the order names the evidence of it."""

    risks: bool = Field(description="That they were told the risks and losses, and confirm (`risk-confirmation`).")
    source: str = Field(min_length=1)


class Slots(_Section):
    """When a number may cut over.

    `next-full-hour`: the first full hour at least `notice` after now. `night-window`: the first opening of the night
    window at least `notice` after now. `first-possible-date`: what the donor answered, or the subscriber's later wish.
    `immediate`: at once, or at the subscriber's wish.
    """

    rule: Literal["next-full-hour", "night-window", "first-possible-date", "immediate"]
    notice: Duration = Duration()
    opens: time | None = Field(default=None, description="For `night-window`.")
    automatic: bool = Field(default=True, description="Whether an approved order is scheduled without being asked.")
    source: str = Field(min_length=1)

    @model_validator(mode="after")
    def _window_has_an_opening(self) -> Self:
        if (self.rule == "night-window") != (self.opens is not None):
            raise ValueError("`opens` goes with the rule night-window, and only with it")
        return self


class Quotas(_Section):
    """How many orders may be set for the same slot, day (of the calendar's zone) or recipient and day. 0: any."""

    slot: int = Field(default=0, ge=0)
    day: int = Field(default=0, ge=0)
    recipient_day: int = Field(default=0, ge=0)
    batch: int = Field(default=0, ge=0, description="Numbers of one application.")
    source: str = Field(min_length=1)


class Deciding(_Section):
    """Who decides, and how sides may stop an order."""

    by: Literal["code", "answer"] = Field(description="A valid authorization code approves, or the donor's answer.")
    conflicts: int = Field(default=0, ge=0, description="How often the donor may object to one order.")
    conflict_rest: Duration = Field(default=Duration(), description="Before a recipient may resolve a conflict.")
    cancel_acknowledged: bool = Field(default=False, description="Whether the other side must agree to a cancel.")
    recipient_silent: Literal["cancel", "conflict"] = Field(
        default="cancel", description="What becomes of a donor's cancel that the recipient does not acknowledge."
    )
    cancel_within: Duration | None = Field(
        default=None, description="After submission, for the subscriber to cancel; none: until the cut-over."
    )
    dispute_freezes: bool = Field(description="Whether a disputed order stands still until it is settled.")
    source: str = Field(min_length=1)


class AfterPort(_Section):
    """What follows a port."""

    reversal_within: Duration = Field(description="After the cut-over, for an emergency reversal.")
    source: str = Field(min_length=1)


class Complaints(_Section):
    """Clocks of complaints: the operator answers first, then the regulator takes the case."""

    operator: Duration
    accept: Duration
    answer: Duration
    mediation: Duration
    source: str = Field(min_length=1)


class Retention(_Section):
    """For how long what is known of persons is kept after an order is done."""

    applicants: Duration
    evidence: Duration
    source: str = Field(min_length=1)


class Reason(_Section):
    """Why a donor may refuse or delay, or the centre reject."""

    text: Text
    by: frozenset[Literal["donor", "centre"]]
    source: str = Field(min_length=1)


class Command(_Section):
    """A text message that subscribers send: a word, and fields between separators."""

    word: str = Field(pattern=r"^[A-Z]+$")
    separator: Literal["#", " "]
    fields: tuple[Literal["name", "identity", "number"], ...]
    act: Literal["query", "issue-code", "cancel"]


#: The notifications a profile must have, with the values their texts may name.
TEXTS: dict[str, frozenset[str]] = {
    "eligible": frozenset({"number"}),
    "ineligible": frozenset({"number", "reasons"}),
    "cannot-tell": frozenset({"number"}),
    "code": frozenset({"number", "code", "expires"}),
    "format": frozenset({"commands"}),
    "submitted": frozenset({"number", "recipient"}),
    "scheduled": frozenset({"number", "recipient", "slot"}),
    "rejected": frozenset({"number", "reasons"}),
    "cancelled": frozenset({"number"}),
    "nothing-to-cancel": frozenset({"number"}),
    "active": frozenset({"number", "recipient"}),
}


class Profile(_Section):
    """The rules of one country. Immutable, safe to share between threads."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    title: Text
    country_code: str = Field(pattern="^[1-9][0-9]{0,2}$")
    language: Literal["zh", "en"]
    skipped: frozenset[State] = Field(default=frozenset(), description="States that are not used.")
    calendar: Calendar
    deciding: Deciding
    code: CodeForm | None = None
    consent: Consent | None = None
    slots: Slots
    quotas: Quotas
    after_port: AfterPort
    complaints: Complaints
    retention: Retention
    timers: dict[str, Timer]
    eligibility: tuple[Rule, ...]
    reasons: dict[str, Reason]
    texts: dict[str, Text]
    commands: tuple[Command, ...] = ()

    @model_validator(mode="after")
    def _states_agree(self) -> Self:
        if State.DRAFT in self.skipped or self.skipped & {State.SUBMITTED, State.SCHEDULED, State.ACTIVE}:
            raise ValueError("draft, submitted, scheduled and active cannot be skipped")
        coded = State.CODE_ISSUED not in self.skipped
        if coded != (self.code is not None):
            raise ValueError("a code form goes with the state code-issued")
        if self.deciding.by == "code" and not coded:
            raise ValueError("codes cannot decide where none are issued")
        return self

    @model_validator(mode="after")
    def _timers_agree(self) -> Self:
        followers = {timer.then for timer in self.timers.values() if timer.then}
        if State.CODE_ISSUED in {timer.state for timer in self.timers.values()}:
            raise ValueError("the lifetime of codes is what times code-issued")
        starting = [timer.state for name, timer in self.timers.items() if name not in followers]
        if len(starting) != len(set(starting)):
            raise ValueError("two timers start in one state")
        for name, timer in self.timers.items():
            if timer.state in self.skipped | FINAL:
                raise ValueError(f"timer {name} is of a state that is skipped or final")
            after = MOVES.get((timer.state, timer.act))
            if after is None:
                raise ValueError(f"timer {name}: no {timer.act} from {timer.state}")
            if (after == timer.state) != bool(timer.then):
                raise ValueError(f"timer {name}: `then` goes with an act that leaves the state as it is")
            if timer.act is Act.REJECT and NO_ANSWER not in self.reasons:
                raise ValueError(f"timer {name} rejects, and there is no reason {NO_ANSWER}")
            if timer.then and (timer.then not in self.timers or self.timers[timer.then].state != timer.state):
                raise ValueError(f"timer {name}: no timer {timer.then} of {timer.state}")
        return self

    @model_validator(mode="after")
    def _texts_agree(self) -> Self:
        if set(self.texts) != set(TEXTS):
            raise ValueError(f"texts must be {', '.join(TEXTS)}")
        for name, text in self.texts.items():
            for written in (text.zh, text.en):
                fields = {field for _, field, _, _ in Formatter().parse(written) if field is not None}
                if fields - TEXTS[name]:
                    raise ValueError(f"text {name} names {', '.join(sorted(fields - TEXTS[name]))}")
        codes = [rule.reason for rule in self.eligibility] + list(self.reasons)
        if len(codes) != len(set(codes)):
            raise ValueError("two reasons have one code")
        return self

    def timer_of(self, state: State) -> str:
        """The name of the timer that starts when an order comes into a state, '' for none."""
        followers = {timer.then for timer in self.timers.values()}
        return next((name for name, timer in self.timers.items() if timer.state is state and name not in followers), "")

    def code_lifetime(self, area: str) -> Duration:
        """How long an authorization code of a number in an area lives."""
        assert self.code is not None
        return self.code.areas.get(area, self.code.lifetime)

    def due(self, timer: str, begun: datetime) -> datetime:
        """When a timer that began at `begun` is due (UTC)."""
        return self.timers[timer].after(begun, self.calendar)

    def reason_text(self, code: str, language: str) -> str:
        """A reason in words, with what can be done about it where that is known."""
        for rule in self.eligibility:
            if rule.reason == code:
                return f"{rule.text.filled(language)} {rule.remedy.filled(language)}"
        return self.reasons[code].text.filled(language) if code in self.reasons else code


def load(name: str) -> Profile:
    """The profile of this name, or in the TOML file of this path. Raises ProfileError naming the key that is wrong."""
    try:
        if name in NAMES:
            written = (resources.files("portdip.porting") / "profiles" / f"{name}.toml").read_text("utf-8")
        else:
            written = Path(name).read_text("utf-8")
        return Profile.model_validate(tomllib.loads(written))
    except OSError as error:
        raise ProfileError("no such profile", got=name, expected=f"{', '.join(NAMES)} or a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileError("the profile is no TOML", where=name, got=str(error)) from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or name
        raise ProfileError("a profile is wrong", where=f"{name}: {key}", got=first["msg"]) from error


def load_all(extra: Iterable[str] = ()) -> dict[str, Profile]:
    """Our profiles and those in more files, by name."""
    return {profile.name: profile for profile in (load(name) for name in (*NAMES, *extra))}
