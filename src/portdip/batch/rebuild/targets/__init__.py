"""The systems whose tables can be made: a module here for each, found by listing this folder.

A target says which options it has and, given a job, how its files look (`portdip.batch.rebuild.layout`). What its name
has as '-', its module has as '_'.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Protocol, cast

from portdip.batch.rebuild.layout import Job, Layout
from portdip.errors import RebuildError


class Target(Protocol):
    """What a target's module offers. Its docstring is shown to people who ask what it makes."""

    #: Each option and its default.
    OPTIONS: Mapping[str, str]

    def layout(self, job: Job) -> Layout:
        """The files for a job whose options are complete. Raises RebuildError for an option that cannot be meant."""


def names() -> list[str]:
    """The names of all targets, in order.

    >>> "kamailio-mtree" in names()
    True
    """
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))


def load(name: str) -> Target:
    """The target called `name`; RebuildError names the targets there are."""
    if name not in names():
        raise RebuildError("no such target", expected=f"one of {', '.join(names())}", got=name)
    return cast(Target, importlib.import_module(f"{__name__}.{name.replace('-', '_')}"))


def complete(name: str, options: Mapping[str, str]) -> dict[str, str]:
    """The options given and the defaults of the others; RebuildError for one that the target does not have."""
    known = load(name).OPTIONS
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise RebuildError(
            "the target has no such option",
            where=name,
            expected=f"one of {', '.join(known)}" if known else "none",
            got=", ".join(unknown),
        )
    return {**known, **options}
