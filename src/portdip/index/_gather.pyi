import numpy as np
import numpy.typing as npt

def gather(memory: npt.NDArray[np.uint8], order: npt.NDArray[np.uint64]) -> int:
    """Read one word of each 64-byte line named by `order`, fetching 32 lines ahead; returns the words' sum."""
