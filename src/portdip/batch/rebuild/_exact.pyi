import numpy as np
import numpy.typing as npt

def prefixes(
    position: npt.NDArray[np.uint64],
    length: npt.NDArray[np.uint8],
    code: npt.NDArray[np.uint16],
    first: npt.NDArray[np.uint64],
    end: npt.NDArray[np.uint64],
    held: npt.NDArray[np.uint16],
    lengths: npt.NDArray[np.uint16],
    longest: npt.NDArray[np.uint8],
    may_block: bool,
    radix: int = 10,
    digits: int = 15,
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint16]]:
    """The rules of a smallest table, prefix and code (0: nobody's), in the order of their digits.

    Points (position, length, code) and regions (first, end, held, lengths, longest) as `_tree.pxd` says, contiguous.
    `may_block` allows rules of code 0. `radix` and `digits` are other than 10 and 15 where small trees are tried out.
    Releases the interpreter's lock. Raises MemoryError.
    """
