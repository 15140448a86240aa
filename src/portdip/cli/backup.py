"""`portdip backup`: copy a store to another place, and prove that it can be restored from there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from portdip.cli._companions import Companions
    from portdip.table.backup import Backup
    from portdip.table.backup_check import Findings

backup = typer.Typer(help="Copies of a store in another place, as it grows.", no_args_is_help=True)

_Place = Annotated[
    str,
    typer.Argument(help="Where it is: a path, or a URI such as s3://bucket/path.", metavar="DEST", show_default=False),
]

#: Seconds between two looks at the chain of a store, at what else is in it, and after something went wrong.
_DELTAS_SECONDS, _OTHERS_SECONDS, _AGAIN_SECONDS = 0.05, 1.0, 10.0
_TELL_SECONDS = 10.0
#: The porting database is copied as a whole each time: not more often than this.
_COMPANIONS_SECONDS = 60.0


@backup.command()
def create(
    store: Annotated[Path, typer.Argument(help="The store.", metavar="STORE", show_default=False)],
    dest: _Place,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on copying what comes, until SIGTERM or SIGINT.")
    ] = False,
    snapshots_every: Annotated[
        float,
        typer.Option(
            help="With --follow: hours between two snapshots, and two copies of the porting database.",
            metavar="HOURS",
            min=0,
        ),
    ] = 24,
    encrypt_key: Annotated[
        Path | None, typer.Option(help="Encrypt with the key in this file.", metavar="FILE", show_default=False)
    ] = None,
    with_private_keys: Annotated[
        bool, typer.Option("--with-private-keys", help="The publisher's private keys too. Needs --encrypt-key.")
    ] = False,
) -> None:
    """Copy a store: every delta, the newest snapshot, the history and the list of trusted keys.

    The porting database goes along (SQLite, as of one moment, while it is written to; by way of TMPDIR), and its keys
    for personal data if the backup is encrypted. What does not go along is said.

    Each file is read back. What is there already is not copied again, and nothing is removed: a backup that was cut off
    goes on when it is called again.
    """
    from portdip.cli import _companions
    from portdip.cli._stopping import stopping
    from portdip.exchange.encryption import FileKey
    from portdip.table.backup import Backup
    from portdip.table.depot import open_backup
    from portdip.table.store import Store

    if with_private_keys and encrypt_key is None:
        raise typer.BadParameter("private keys leave this machine encrypted only", param_hint="--with-private-keys")
    location = open_backup(dest, FileKey.read(encrypt_key) if encrypt_key else None)
    every = timedelta(hours=snapshots_every if follow else 0)
    with stopping() as wait:
        made = Backup(Store.open(store), location, every, with_private_keys)

        def beside() -> Companions:
            return _companions.of_store(store, encrypted=encrypt_key is not None)

        for note in beside().notes:
            print(note, flush=True)
        if follow:
            _go_on(made, beside, snapshots_every * 3600, wait)
        else:
            _copy([_copy_companions(made, beside), made.copy_deltas(), made.copy_others()], wait)
            print(f"backup of {store} in {dest} is complete up to sequence {made.sequence}")


@backup.command()
def verify(
    dest: _Place,
    decrypt_key: Annotated[
        Path | None, typer.Option(help="The file of its key.", metavar="FILE", show_default=False)
    ] = None,
) -> None:
    """Read all of a backup, restore it to a scratch directory (see TMPDIR), and say what came of it.

    The exit code is 1 where something is damaged.
    """
    import tempfile

    from portdip.cli import _companions, _terminal
    from portdip.exchange.encryption import FileKey
    from portdip.lookup.load import write_image
    from portdip.table.backup_check import check
    from portdip.table.depot import open_backup
    from portdip.table.restore import spelled

    location = open_backup(dest, FileKey.read(decrypt_key) if decrypt_key else None)
    with tempfile.TemporaryDirectory(prefix="portdip-backup-") as scratch:
        found = check(location, Path(scratch), write_image, _companions.names())
        _check_database(Path(scratch) / "store", found)
    for error in found.damage:
        _terminal.errors().print(f"portdip: {error}", style="red", markup=False, soft_wrap=True)
    print(f"leads to  {spelled(found.reach) or 'nothing'}")
    if found.head is not None:
        print(f"restored  sequence {found.head.sequence}, dataset {found.head.dataset}, in {found.seconds:.2f} s")
        print(f"digest    {found.head.digest}")
        print(f"content   {found.content}")
    if found.companions is not None:
        print(f"porting   {', '.join(found.companion_files)}, as of {found.companions.at.isoformat()}")
    if found.damage:
        raise typer.Exit(1)
    print("good")


@backup.command("new-key")
def new_key(file: Annotated[Path, typer.Argument(help="A new file.", metavar="FILE", show_default=False)]) -> None:
    """Make a key to encrypt backups with. Keep a copy of it where the backup is not: without it nothing is restored."""
    from portdip.exchange.encryption import FileKey

    made = FileKey.new()
    made.write(file)
    print(f"key {made.id} in {file}")


def _copy_companions(made: Backup, beside: Callable[[], Companions]) -> Iterator[str]:
    """Copy the porting layer's files as they are now, if there are any; yields the name of what is new."""
    import tempfile

    found = beside()
    if not found.paths:
        return
    with tempfile.TemporaryDirectory(prefix="portdip-companions-") as scratch:
        found.copy_into(Path(scratch))
        yield from made.copy_companions(Path(scratch))


def _check_database(store: Path, found: Findings) -> None:
    """Look at the porting database that was restored into a scratch store, page by page."""
    from portdip.errors import DatabaseError
    from portdip.porting.database_copy import check_copy
    from portdip.porting.layer import DATABASE_FILE

    if DATABASE_FILE in found.companion_files:
        try:
            check_copy(store / DATABASE_FILE)
        except DatabaseError as error:
            found.damage.append(error)


def _copy(parts: list[Iterator[int] | Iterator[str]], wait: Callable[[float], bool]) -> None:
    """Copy, and tell of it now and then; ends early, with exit code 1, on a signal."""
    count, tell_from = 0, time.monotonic() + _TELL_SECONDS
    for part in parts:
        for _ in part:
            count += 1
            if wait(0):
                raise typer.Exit(1)
            if time.monotonic() >= tell_from:
                print(f"{count:,} copied so far", flush=True)
                tell_from = time.monotonic() + _TELL_SECONDS


class _Part:
    """Something that is copied again and again, as often as `seconds` say; `copy` copies what is new, and names it."""

    def __init__(self, copy: Callable[[], Iterator[int] | Iterator[str]], seconds: float) -> None:
        self._copy = copy
        self._seconds = seconds
        self._from = 0.0
        self._trouble = ""

    def step(self, wait: Callable[[float], bool]) -> None:
        """Copy if it is time. What goes wrong is told once, and tried again."""
        from portdip.errors import PortdipError

        if time.monotonic() < self._from:
            return
        trouble, copied = "", []
        try:
            for one in self._copy():
                copied.append(str(one))
                if wait(0):
                    break
        except (PortdipError, OSError) as error:
            trouble = " ".join(str(error).splitlines())
        if copied:
            print(f"copied {copied[0]}{f' to {copied[-1]}' if len(copied) > 1 else ''}", flush=True)
        if trouble and trouble != self._trouble:
            print(trouble, flush=True)
        self._trouble = trouble
        self._from = time.monotonic() + (_AGAIN_SECONDS if trouble else self._seconds)


def _go_on(made: Backup, beside: Callable[[], Companions], seconds: float, wait: Callable[[float], bool]) -> None:
    """Copy what comes until a signal; the files beside the store as often as `seconds` say."""
    parts = [
        _Part(lambda: _copy_companions(made, beside), max(seconds, _COMPANIONS_SECONDS)),
        _Part(made.copy_deltas, _DELTAS_SECONDS),
        _Part(made.copy_others, _OTHERS_SECONDS),
    ]
    while not wait(_DELTAS_SECONDS):
        for part in parts:
            part.step(wait)
