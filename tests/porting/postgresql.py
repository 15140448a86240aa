"""A PostgreSQL server of our own: in a directory that goes afterwards, reached by a socket in it, by nobody else."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path


def programs() -> Path:
    """Where Debian keeps the newest server's programs."""
    return max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))


def owner() -> str:
    """Who runs the server: it refuses to be run by root."""
    return "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name


@contextlib.contextmanager
def server() -> Iterator[str]:
    """A running server; the URL of its databases, without a name at its end."""
    directory = Path(tempfile.mkdtemp(prefix="portdip-pg-"))
    user = owner()
    shutil.chown(directory, user)
    data = directory / "data"
    try:
        run(user, "initdb", "-D", data, "-U", "portdip", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
        options = f"-c listen_addresses='' -c unix_socket_directories='{directory}' -c fsync=off -c max_connections=50"
        run(user, "pg_ctl", "-D", data, "-w", "-l", directory / "log", "-o", options, "start")
        try:
            yield f"postgresql://portdip@/NAME?host={directory}"
        finally:
            run(user, "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def run(user: str, program: str, *arguments: object) -> None:
    subprocess.run(
        [programs() / program, *map(str, arguments)],
        check=True,
        capture_output=True,
        user=user if os.geteuid() == 0 else None,
        cwd="/",
        timeout=60,
    )
