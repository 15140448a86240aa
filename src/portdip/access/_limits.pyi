from portdip.access._clients import Clients

class Limits:
    """The limits of each client network, and what their sources have used of them. For one thread."""

    def __init__(self, clients: Clients, slip: int = 2, buckets: int = 65536) -> None:
        """`buckets`, a power of two, for each of queries and replies: 40 bytes together, and never more."""

    def admits(self, address: str, at: float) -> bool:
        """May an address ask at a time (seconds)? Addresses that are no client's may not."""

    def replies(self, address: str, key: int, at: float) -> str:
        """What becomes of a reply: `send`, `slip` (send it truncated) or `drop`."""
