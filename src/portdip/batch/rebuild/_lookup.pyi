import numpy as np
import numpy.typing as npt

def codes(
    places: npt.NDArray[np.uint64], rules: npt.NDArray[np.uint16], asked: npt.NDArray[np.uint64]
) -> npt.NDArray[np.uint16]:
    """The code of the longest rule that each number begins with, 0 for none.

    `places` are those of the rules and `asked` those of the numbers (`portdip.batch.rebuild.rules.places`), both in
    order and contiguous; `rules` has the code of each rule.
    """

def interleave(
    places: npt.NDArray[np.uint64],
    prefixes: npt.NDArray[np.uint64],
    matches: npt.NDArray[np.uint32],
    other_places: npt.NDArray[np.uint64],
    other_prefixes: npt.NDArray[np.uint64],
    other_matches: npt.NDArray[np.uint32],
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64], npt.NDArray[np.uint32]]:
    """Two tables in order as one: places, prefixes, matches. All columns contiguous."""
