"""What `portdip backup` and `portdip restore` do about the porting layer's files, which are beside the store's own.

The database goes along as it is at one moment. The keys for personal data are secret, so they go into an encrypted
backup only. A PostgreSQL database is its own server's to back up: with pg_dump.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portdip.table.companions import Copy


@dataclass(frozen=True, slots=True)
class Companions:
    """The porting layer's files of a store: where they are, by the name that they have in a backup.

    `notes` say what there is besides, and does not go into the backup.
    """

    paths: dict[str, Path] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def copy_into(self, directory: Path) -> None:
        """Copy them into a directory that is there and empty. Raises DatabaseError."""
        from portdip import files
        from portdip.porting.database_copy import copy_database
        from portdip.porting.layer import DATABASE_FILE

        for name, path in self.paths.items():
            if name == DATABASE_FILE:
                copy_database(path, directory / name)
            else:
                files.write(directory / name, files.read_bytes(path), mode=0o600)


def names() -> frozenset[str]:
    """The names of the files that a restore may bring back."""
    from portdip.porting.layer import DATABASE_FILE, KEYS_FILE

    return frozenset({DATABASE_FILE, KEYS_FILE})


def of_store(store: Path, *, encrypted: bool) -> Companions:
    """The companions of a store, by the settings of this process, for a backup that is encrypted or not."""
    from portdip import settings
    from portdip.porting.layer import DATABASE_FILE, KEYS_FILE

    chosen = settings.load().porting
    found = Companions()
    database = _database(store, None if chosen.database_url is None else chosen.database_url.get_secret_value())
    if database is None:
        found.notes.append(
            "NOT in this backup: the porting database, which is in PostgreSQL. Back it up there, with pg_dump, "
            "before each backup of the store."
        )
    elif database.is_file():
        found.paths[DATABASE_FILE] = database
    keys = store / KEYS_FILE
    if chosen.privacy.current:
        if found.paths or database is None:
            found.notes.append("NOT in this backup: the keys for personal data, which are in the settings. Keep them.")
    elif keys.is_file() and encrypted:
        found.paths[KEYS_FILE] = keys
    elif keys.is_file():
        found.notes.append(
            f"NOT in this backup: {KEYS_FILE}, for it is secret and the backup is not encrypted (--encrypt-key). "
            "Without it nobody reads what the porting database has sealed."
        )
    return found


def told_of_restored(store: Path, copy: Copy | None, restored: Sequence[str]) -> list[str]:
    """What is to be said of the companions after a restore."""
    from portdip import settings
    from portdip.porting.layer import DATABASE_FILE, KEYS_FILE

    if copy is None:
        return ["porting  no database in this backup, as of then"]
    said = [f"porting  {', '.join(restored)}, as of {copy.at.isoformat()}, when the chain was at {copy.sequence}"]
    chosen = settings.load().porting
    if DATABASE_FILE in restored and chosen.database_url is not None:
        said.append(f"porting  the settings name another database: move {store / DATABASE_FILE} there, or change them")
    if KEYS_FILE not in restored and not chosen.privacy.current:
        said.append(f"porting  {KEYS_FILE} is not in this backup: put it into {store} before the layer is used")
    return said


def _database(store: Path, url: str | None) -> Path | None:
    """The file of the database; None where it is no file of this machine."""
    import sqlalchemy

    from portdip.porting.layer import DATABASE_FILE

    if url is None:
        return store / DATABASE_FILE
    parsed = sqlalchemy.make_url(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None
