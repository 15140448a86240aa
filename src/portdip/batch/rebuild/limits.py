"""What a target cannot take, found before anything is written."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from portdip.batch.rebuild import rules
from portdip.batch.rebuild.layout import Layout
from portdip.batch.rebuild.tables import Table
from portdip.errors import TargetLimitError
from portdip.index import ENTRY
from portdip.lookup.generation import Generation
from portdip.route import Route

_SHOWN = 5


def checked(
    table: Table,
    layout: Layout,
    generation: Generation,
    target: str,
    report: Callable[[int], object],
) -> tuple[dict[str, int], list[Route]]:
    """How many rules there are, in all, of ported numbers, of nobody's, and the digits of the longest; their routes.

    Raises TargetLimitError, naming the limit and what is beyond it.
    """
    used = np.zeros(1 << 16, dtype=bool)
    count = ported = nobody = longest = 0
    example = 0
    for batch in table.rules():
        code = batch.code
        used[code] = True
        count += len(code)
        ported += int(np.count_nonzero(batch.match >= ENTRY))
        nobody += int(np.count_nonzero(code == 0))
        digits = batch.place & np.uint64(15)
        if len(digits) and int(digits.max()) > longest:
            longest, example = int(digits.max()), int(batch.prefix[digits.argmax()])
        report(count)
    if layout.limits.rules is not None and count > layout.limits.rules:
        raise TargetLimitError(
            "too many rules",
            where=target,
            expected=f"at most {layout.limits.rules:,}",
            got=f"{count:,}",
            fix="Make fewer with --aggregate exact or --max-rules.",
        )
    if longest > layout.limits.digits:
        raise TargetLimitError(
            "a prefix is too long",
            where=target,
            expected=f"at most {layout.limits.digits} digits",
            got=f"{longest} digits, as in {rules.shown(example)}",
        )
    routes = [generation.routes[code] for code in (np.flatnonzero(used[1:]) + 1).tolist()]
    faults = [fault for route in routes if (fault := layout.fault(route))]
    if faults:
        more = f" and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        raise TargetLimitError(
            "routes that the target cannot take", where=target, got="; ".join(faults[:_SHOWN]) + more
        )
    return {"count": count, "ported": ported, "nobody": nobody, "digits": longest}, routes
