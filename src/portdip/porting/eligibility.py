"""Eligibility review (資格審核): all the reasons that speak against a port, by the rules of the profile.

A review looks at what the donor knows of the subscriber, at what the applicant claims to be, and at what our own
orders say of the number. It decides nothing and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from portdip.porting.donor_systems import Subscriber
from portdip.porting.privacy import Vault, same_name
from portdip.porting.profile import Check, Profile, Rule


@dataclass(frozen=True, slots=True)
class Claim:
    """Who an applicant says they are; plain, for comparing only. A text from the number itself may claim nothing."""

    identity: str = ""
    name: str = ""

    def __repr__(self) -> str:
        return "Claim(...)"


@dataclass(frozen=True, slots=True)
class Standing:
    """What our own records say of a number: who serves it (None: not a number we know), and its ports."""

    serving: str | None
    activated: datetime | None
    ongoing: bool


@dataclass(frozen=True, slots=True)
class Review:
    """The outcome: the reasons against the port, each once, in the order of the profile. None: eligible."""

    reasons: tuple[str, ...]

    @property
    def eligible(self) -> bool:
        """Whether nothing speaks against the port."""
        return not self.reasons


def review(
    profile: Profile,
    donor: str,
    subscriber: Subscriber | None,
    standing: Standing,
    claim: Claim,
    vault: Vault,
    now: datetime,
) -> Review:
    """Every reason at once. Of a number that the donor does not know nothing more is asked than our own records."""
    asked = _Asked(donor, subscriber, standing, claim, vault, now)
    return Review(tuple(rule.reason for rule in profile.eligibility if asked.fails(rule)))


@dataclass(frozen=True, slots=True)
class _Asked:
    """One review under way."""

    donor: str
    subscriber: Subscriber | None
    standing: Standing
    claim: Claim
    vault: Vault
    now: datetime

    def fails(self, rule: Rule) -> bool:
        """Whether the rule speaks against the port."""
        match rule.check:
            case Check.KNOWN:
                return self.subscriber is None
            case Check.DONOR:
                return self.standing.serving not in (None, self.donor)
            case Check.ONGOING:
                return self.standing.ongoing
            case Check.FREEZE:
                last = self.standing.activated
                return last is not None and self.now < last + timedelta(days=rule.days)
        return self.subscriber is not None and self._speaks_against(self.subscriber, rule)

    def _speaks_against(self, subscriber: Subscriber, rule: Rule) -> bool:
        match rule.check:
            case Check.KIND:
                return subscriber.kind not in rule.kinds
            case Check.REAL_NAME:
                return not subscriber.real_name
            case Check.IDENTITY:
                return not self._is_applicant(subscriber)
            case Check.STATUS:
                return subscriber.status != "normal"
            case Check.ARREARS:
                return subscriber.arrears > 0
            case Check.UNBILLED:
                return subscriber.unbilled > 0 and not subscriber.unbilled_agreed
            case Check.CONTRACT:
                return subscriber.contract_until is not None and self.now < subscriber.contract_until
            case Check.TENURE:
                return self.now < subscriber.joined + timedelta(days=rule.days)
            case Check.BAR:
                return rule.bar in subscriber.bars
        raise AssertionError(rule.check)

    def _is_applicant(self, subscriber: Subscriber) -> bool:
        """The identity number must be that of the subscriber, and the name where both are known."""
        if not self.vault.is_identity(self.claim.identity, subscriber.identity):
            return False
        return not (self.claim.name and subscriber.name) or same_name(self.claim.name, subscriber.name)
