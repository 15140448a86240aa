import numpy as np
import numpy.typing as npt

class Nodes:
    """Remembers the way to the last rule, so that rules may come in batches. For one thread."""

    def __init__(self) -> None: ...
    def write(
        self,
        places: npt.NDArray[np.uint64],
        matches: npt.NDArray[np.uint32],
        whole: npt.NDArray[np.uint8],
        nested: bool,
        prefix: npt.NDArray[np.uint64],
        match: npt.NDArray[np.uint32],
    ) -> int:
        """Write names for some rules in order into `prefix` and `match`; how many there are, at most 17 a rule.

        A match with ENTRY is of the name of a number, one without of the wildcard below a prefix. `whole` says which
        rules' prefixes are numbers themselves, `nested` whether those have wildcards too.
        """
