from collections.abc import Mapping

from portdip.index import LiveIndex
from portdip.route import Route

class RouteTexts:
    """What the routes of a store read as. Good as long as the routes stay the same.

    A route is rendered when it is first met: a store may have tens of thousands, and nobody is to wait for all of them
    when some have changed. Any number of threads may use it; at worst two render the same.
    """

    routes: Mapping[int, Route]

    def __init__(self, routes: Mapping[int, Route]) -> None: ...

class DipTexts:
    """Renders the dips of one generation. Unchanging; any number of threads may use it.

    What a dip says is told beside its text as its place in OUTCOMES. Raises ImageError where the image is damaged and
    UnknownRouteError where the index holds a code without a route.
    """

    moment: bytes

    def __init__(self, index: LiveIndex, routes: RouteTexts, sequence: int, as_of: str) -> None: ...
    def one(self, text: str) -> tuple[bytes, int]:
        """The JSON object of one dip, and its outcome."""

    def many(self, texts: list[str]) -> tuple[bytes, list[int]]:
        """The JSON array of many dips, without the moment they share, and how often each outcome is in it."""

    def lines(self, text: bytes) -> tuple[bytes, list[int]]:
        """A line `LRN;SPID` for each line of text, and how often each outcome is in it.

        LRN is the routing number of a ported number, which may need none, and any other number itself. SPID is the
        carrier's id, nothing for an unallocated number. What is no number has neither.
        """
