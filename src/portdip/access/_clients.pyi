from collections.abc import Sequence

from portdip.settings.access import Client

class Clients:
    """The networks that may ask, and the profile of each. Unchanging; any number of threads may use it."""

    def __init__(self, clients: Sequence[Client], profiles: Sequence[str]) -> None:
        """Profiles are numbered in the order of `profiles`.

        Raises SettingsError for a network given twice and for a profile that is not there.
        """

    @property
    def clients(self) -> tuple[Client, ...]:
        """The clients, in the order that their indexes have."""

    def find(self, address: str) -> int | None:
        """Index of the profile that a source address is answered by, None if it may not ask.

        `address` is IPv4 or IPv6, with or without a zone (`%eth0`). Raises ValueError for anything else.
        """

    def client(self, address: str) -> int:
        """Index of the narrowest client network around an address, -1 for none."""
