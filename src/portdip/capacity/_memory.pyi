import numpy as np
import numpy.typing as npt

def gather(memory: npt.NDArray[np.uint8], order: npt.NDArray[np.uint64]) -> int:
    """Read one word of each 64-byte line named by `order`, fetching 32 lines ahead; returns the words' sum."""

def chase(lines: npt.NDArray[np.uint64], steps: int) -> int:
    """Go `steps` times from a line to the line whose number is its first word; returns the line arrived at."""

def spin(steps: int) -> int:
    """Go `steps` times through a generator of pseudo-random numbers; returns the last."""
