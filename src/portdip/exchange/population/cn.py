"""The Chinese plan: segments, holders, provinces as the feed `phone-cn` reads them, routing numbers invented.

The national plan of routing numbers is not public. Here one is 0, a letter for the recipient and the
two-digit ordinal of the province: an opaque string with a leading zero and a hex digit, as real ones may
have. Numbers of virtual operators cannot be ported (工信部信管〔2019〕242号, article 2).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from portdip.exchange.feeds import phone_cn
from portdip.exchange.population.numbering_plan import Plan, hand_out
from portdip.route import Route

#: Who receives ported numbers, by net flow, and its letter in routing numbers. No exact figure is published.
_RECIPIENTS = {"CMCC": (0.38, "A"), "CTCC": (0.33, "C"), "CUCC": (0.26, "B"), "CBN": (0.03, "D")}
#: Segments that were full before porting began lose more numbers than later ones, Broadnet's hardly any.
_WEIGHT_OLD, _WEIGHT_NEW, _WEIGHT_CBN = 1.4, 0.7, 0.02
_OLD_PREFIXES = (13, 15, 18)


def plan() -> Plan:
    """The plan: a native route per carrier and, per province, a route to each carrier one can port to."""
    segments = phone_cn.segments()
    routes = [Route(kind, carrier) for kind, carrier in phone_cn.CARRIERS.items()]  # kinds count up from 1
    carriers = {carrier.id: carrier for carrier in phone_cn.CARRIERS.values()}
    by_province = []
    for province in range(1, len(segments.provinces) + 1):
        by_province.append(range(len(routes) + 1, len(routes) + 1 + len(_RECIPIENTS)))
        for recipient, (_, letter) in _RECIPIENTS.items():
            routes.append(Route(len(routes) + 1, carriers[recipient], f"0{letter}{province:02d}"))
    ported = np.array(by_province, dtype=np.uint16)
    counts = hand_out(np.array([share for share, _ in _RECIPIENTS.values()]))

    slot = np.zeros(max(phone_cn.CARRIERS) + 1, dtype=np.intp)  # by kind, one-based, 0 for virtual operators
    for kind, carrier in phone_cn.CARRIERS.items():
        if carrier.id in _RECIPIENTS:
            slot[kind] = 1 + list(_RECIPIENTS).index(carrier.id)
    home = np.pad(ported, ((0, 0), (1, 0)))[segments.province, slot[segments.kind]]
    first, last = segments.bounds()
    return Plan(
        name="cn",
        routes=routes,
        first=first,
        area=segments.province.astype(np.uint16),
        weight=_weight(segments, portable=home > 0),
        home=home[:, np.newaxis],
        tickets=np.repeat(ported, counts, axis=1),
        ranges=np.column_stack([first, last, segments.kind.astype(np.uint64)]),
    )


def _weight(segments: phone_cn.Segments, portable: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    old = np.isin(segments.segment // 100_000, _OLD_PREFIXES)
    weight = np.where(old, _WEIGHT_OLD, _WEIGHT_NEW)
    weight[segments.kind == phone_cn.BROADNET] = _WEIGHT_CBN
    return weight * portable
