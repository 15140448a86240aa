import numpy as np
import numpy.typing as npt

def fit(
    position: npt.NDArray[np.uint64],
    length: npt.NDArray[np.uint8],
    code: npt.NDArray[np.uint16],
    first: npt.NDArray[np.uint64],
    end: npt.NDArray[np.uint64],
    held: npt.NDArray[np.uint16],
    lengths: npt.NDArray[np.uint16],
    longest: npt.NDArray[np.uint8],
    edge: npt.NDArray[np.uint64],
    before: npt.NDArray[np.float64],
    density: npt.NDArray[np.float64],
    may_block: bool,
    price: float,
    radix: int = 10,
    digits: int = 15,
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint16], float] | None:
    """The rules, prefix and code, that with `price` for each cost least, and the calls that they answer wrong.

    The tree as for `_exact.prefixes`. Calls: `before` each edge so many, and `density` for each position after it, up
    to the next; without edges every number has one. None where a number is the beginning of another one. Releases the
    interpreter's lock. Raises MemoryError.
    """
