"""Number portability: which carrier serves a number now, and the routing number that reaches it.

    engine = portdip.open_engine("store")
    print(engine.dip("+8613800138000"))

These are the public names. They are loaded when first used, so that importing `portdip` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portdip.lookup.engine import Engine, open_engine
    from portdip.route import Carrier, Dip, Route, Status

    __version__: str

__all__ = ["Carrier", "Dip", "Engine", "Route", "Status", "__version__", "open_engine"]


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("portdip")
    if name not in __all__:
        raise AttributeError(f"module 'portdip' has no attribute {name!r}")
    from importlib import import_module

    home = "portdip.lookup.engine" if name in ("Engine", "open_engine") else "portdip.route"
    return getattr(import_module(home), name)
