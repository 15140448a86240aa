"""The private keys that a publisher has: a directory with a file `<id>.pem` for each.

Which of them may sign is for the list of trusted keys to say (`portdip.exchange.keys.Trust`).
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from portdip import files
from portdip.errors import KeyFileError
from portdip.exchange.keys import SigningKey, Trust

_SUFFIX = ".pem"


class KeyRing:
    """The private keys in the directory `path`, which need not be there. Safe to share between threads."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def ids(self) -> list[str]:
        """The ids of the keys, in order."""
        return sorted(path.stem for path in self.path.glob(f"*{_SUFFIX}"))

    def file(self, identifier: str) -> Path:
        """Where the key of this id is, or would be."""
        return self.path / f"{identifier}{_SUFFIX}"

    def make(self) -> SigningKey:
        """A new key, in its file when this returns."""
        key = SigningKey.new()
        files.make_directory(self.path)
        key.write(self.file(key.id))
        return key

    def signer(self, trust: Trust, sequence: int, created: datetime) -> SigningKey | None:
        """The key that is to sign the delta `sequence`, made at `created`; None where the dataset is unsigned.

        Of several it is the one trusted last. Raises KeyFileError where there is none.
        """
        if not trust.signed:
            return None
        for identifier in reversed(trust.keys):
            if trust.may_sign(identifier, sequence, created) and self.file(identifier).exists():
                key = SigningKey.read(self.file(identifier))
                if key.id != identifier:
                    raise KeyFileError(
                        "a private key is in the wrong file",
                        where=str(self.file(identifier)),
                        expected=f"key {identifier}",
                        got=f"key {key.id}",
                    )
                return key
        raise KeyFileError(
            "the dataset is signed, and no private key here may sign it",
            where=str(self.path),
            expected=f"one of {', '.join(self._may_sign(trust, sequence, created)) or 'none: all ended'}",
            fix="Put the private key of a trusted one there; or make a key with portdip keys new --local and have a "
            "publisher trust it: portdip keys trust STORE PUBLIC --publish.",
        )

    @staticmethod
    def _may_sign(trust: Trust, sequence: int, created: datetime) -> list[str]:
        return [f"{key}{_SUFFIX}" for key in trust.keys if trust.may_sign(key, sequence, created)]
