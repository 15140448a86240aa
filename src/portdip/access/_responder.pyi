from portdip.index import LiveIndex

OUTCOMES: tuple[str, ...]

class Responder:
    """Answers requests of one protocol from one generation. Unchanging; any number of threads may use it."""

    def __init__(self, index: LiveIndex) -> None: ...
    def respond(
        self, request: bytes, profile: int = 0, is_down: bool = False, is_stream: bool = False
    ) -> tuple[bytes, str]:
        """The reply to one request, b"" for none, and what it says (one of OUTCOMES)."""
