"""The front door for text messages: what a subscriber sends comes in, an answer goes out.

The texts are those of the profile's commands, such as `CXXZ#name#id` and `SQXZ#name#id` in China, `PORT number` and
`CANCEL number` in India. The number that a text comes from is the number it is about; a command that names one must
name that. Full-width characters and small letters are as good. The answer is a text of the profile, in the language
of the text: Chinese where it has Chinese characters or the profile speaks Chinese.

A text is never logged, nor is an answer: the one has a name in it, the other a code.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from portdip import number as numbers
from portdip.errors import (
    CannotTellError,
    ForbiddenActError,
    IneligibleError,
    InvalidNumberError,
    MoveRefusedError,
    PortOngoingError,
)
from portdip.porting.actor import SYSTEM, Actor
from portdip.porting.applying import Applications
from portdip.porting.database import Database
from portdip.porting.eligibility import Claim
from portdip.porting.profile import Command, Profile
from portdip.porting.steps import Steps
from portdip.porting.text_senders import TextSender

_CHINESE = re.compile("[\u4e00-\u9fff]")
_TEXT_MAX = 500

Language = Literal["zh", "en"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a text asks for, in the language that it is answered in."""

    command: Command
    claim: Claim


class FrontDoor:
    """Takes the texts that come to one donor. Safe to share between threads."""

    def __init__(
        self, database: Database, profile: Profile, applications: Applications, steps: Steps, sender: TextSender
    ) -> None:
        self._database = database
        self._profile = profile
        self._applications = applications
        self._steps = steps
        self._sender = sender

    def receive(self, actor: Actor, donor: str, number: int, text: str) -> str:
        """Do what the text from `number` to `donor` asks for, send the answer and give it back.

        What goes wrong on the side of the subscriber is answered, not raised; DatabaseError is raised.
        """
        language = language_of(self._profile, text)
        asked = understood(self._profile, number, text)
        answer = self._answer(actor, donor, number, asked, language)
        self._sender.send(number, answer)
        return answer

    def _answer(self, actor: Actor, donor: str, number: int, asked: Asked | None, language: Language) -> str:
        profile, digits = self._profile, str(number)
        if asked is None:
            return self._text("format", language, commands=commands_of(profile))
        cause = f"text {asked.command.word}"
        try:
            match asked.command.act:
                case "query":
                    found = self._applications.query(actor, profile, number, donor, asked.claim, cause)
                    if found.eligible:
                        return self._text("eligible", language, number=digits)
                    return self._reasons("ineligible", language, digits, found.reasons)
                case "issue-code":
                    issued = self._applications.issue_code(actor, profile, number, donor, asked.claim, cause)
                    expires = profile.calendar.local(issued.expires).strftime("%Y-%m-%d %H:%M")
                    return self._text("code", language, number=digits, code=issued.code, expires=expires)
                case "cancel":
                    return self._cancelled(number, cause, language)
        except CannotTellError:
            return self._text("cannot-tell", language, number=digits)
        except IneligibleError as error:
            return self._reasons("ineligible", language, digits, error.reasons)
        except PortOngoingError:
            return self._reasons("ineligible", language, digits, ("ongoing",))
        except MoveRefusedError:
            return self._reasons("ineligible", language, digits, ("unknown-number",))

    def _cancelled(self, number: int, cause: str, language: Language) -> str:
        """The subscriber's own cancel; the text proves that the number is in their hands."""
        with self._database.transaction() as tx:
            order = self._steps.orders.open_of(tx, number)
            if order is None:
                return self._text("nothing-to-cancel", language, number=str(number))
            try:
                self._steps.cancel(tx, order, SYSTEM, f"subscriber's {cause}")
            except (MoveRefusedError, ForbiddenActError):
                return self._text("nothing-to-cancel", language, number=str(number))
        return self._text("cancelled", language, number=str(number))

    def _reasons(self, name: str, language: Language, number: str, reasons: tuple[str, ...]) -> str:
        spoken = " ".join(self._profile.reason_text(reason, language) for reason in reasons)
        return self._text(name, language, number=number, reasons=spoken)

    def _text(self, name: str, language: Language, **values: str) -> str:
        return self._profile.texts[name].filled(language, **values)


def understood(profile: Profile, number: int, text: str) -> Asked | None:
    """What a text from `number` asks for; None for one that is no command of the profile."""
    written = unicodedata.normalize("NFKC", text).strip()
    if not 0 < len(written) <= _TEXT_MAX:
        return None
    for command in profile.commands:
        parts = [part.strip() for part in (written.split() if command.separator == " " else written.split("#"))]
        if parts[0].upper() != command.word or len(parts) != 1 + len(command.fields) or not all(parts):
            continue
        given = dict(zip(command.fields, parts[1:], strict=True))
        if "number" in given and not _is_number(profile, given["number"], number):
            continue
        return Asked(command, Claim(identity=given.get("identity", ""), name=given.get("name", "")))
    return None


def language_of(profile: Profile, text: str) -> Language:
    """The language to answer a text in."""
    return "zh" if _CHINESE.search(text) else profile.language


def commands_of(profile: Profile) -> str:
    """The commands as a person would send them."""
    return ", ".join(command.separator.join((command.word, *command.fields)) for command in profile.commands)


def _is_number(profile: Profile, written: str, number: int) -> bool:
    """Whether what is written is the number, with or without the country code in front."""
    try:
        return number in (numbers.parse(written), numbers.parse(f"{profile.country_code}{written.lstrip('+0')}"))
    except InvalidNumberError:
        return False
