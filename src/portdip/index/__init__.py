"""Where the answer is: integers and buffers only. No other room is imported here.

`build` writes an immutable image of numbers, route codes and ranges; `Index` answers from it. An `Overlay` holds the
changes since; `LiveIndex` answers from both. `reference` is the plain Python twin that says what the answers must be.
"""

from portdip.index._builder import Builder
from portdip.index._index import ENTRY, Index, kernel, kernels, use_kernel
from portdip.index._live import LiveIndex
from portdip.index._overlay import Overlay
from portdip.index.build import build

__all__ = ["ENTRY", "Builder", "Index", "LiveIndex", "Overlay", "build", "kernel", "kernels", "use_kernel"]
