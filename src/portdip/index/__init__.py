"""Where the answer is: integers and buffers only. No other room is imported here.

`build` writes an immutable image of numbers, route codes and ranges; `Index` answers from it. `reference` is the
plain Python twin that says what the answers must be.
"""

from portdip.index._builder import Builder
from portdip.index._index import ENTRY, Index, kernel, kernels, use_kernel
from portdip.index.build import build

__all__ = ["ENTRY", "Builder", "Index", "build", "kernel", "kernels", "use_kernel"]
