"""unbound as the resolver of a host, with deploy/kamailio/unbound.conf."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.interop.programs import loopback_address, running

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "kamailio" / "unbound.conf"

#: For a process that is not started by a system: nothing of its own to keep, nobody to become, one thread.
_HERE = """
server:
    use-syslog: no
    chroot: ""
    username: ""
    directory: "{folder}"
    pidfile: "{folder}/pid"
    num-threads: 1
    {more}
remote-control:
    control-enable: no
"""


@contextlib.contextmanager
def unbound(folder: Path, *nodes: str, more: str = "") -> Iterator[str]:
    """unbound for the block, which asks `nodes` (address@port) under the apex: the address where it answers."""
    address = loopback_address()
    folder.mkdir()
    text = CONFIGURATION.read_text().replace("interface: 127.0.0.1", f"interface: {address}")
    text = re.sub(r"( *stub-addr: )\S+\n", "", text).replace(
        "    stub-prime", "".join(f"    stub-addr: {node}\n" for node in nodes) + "    stub-prime"
    )
    (folder / "unbound.conf").write_text(text + _HERE.format(folder=folder, more=more))

    def is_ready() -> bool:
        command = ["dig", f"@{address}", "+tries=1", "+timeout=1", "localhost", "A"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    command = [shutil.which("unbound") or "", "-d", "-c", str(folder / "unbound.conf")]
    with running(command, folder / "log", is_ready):
        yield address
