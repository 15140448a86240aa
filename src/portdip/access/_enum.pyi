import numpy as np
import numpy.typing as npt

from portdip.access._responder import Responder
from portdip.access.enum_tables import EnumTables
from portdip.lookup.generation import Generation

class EnumResponder(Responder):
    """Answers ENUM queries from a generation, by tables made of the same one. Unchanging, for any number of threads."""

    def __init__(self, generation: Generation, tables: EnumTables) -> None: ...

def deepen(depths: npt.NDArray[np.uint8], numbers: npt.NDArray[np.uint64]) -> None:
    """Raise `depths` (shape (1000,), see enum_depths.py) to the length of each number at its first three digits."""
