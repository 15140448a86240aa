from pathlib import Path

import numpy as np
import numpy.typing as npt

ENTRY: int
THREAD_NUMBERS_MIN: int

def kernels() -> list[str]:
    """Names of the instruction sets this build can use here, best first; the last one runs anywhere."""

def kernel() -> str:
    """The instruction set dips use now: `avx2` or `portable`."""

def use_kernel(name: str) -> None:
    """Make all dips of this process use another instruction set of `kernels()`: for tests and measurements."""

class Index:
    """Numbers to route codes, from an image that `build` or `Builder` wrote."""

    @staticmethod
    def open(path: Path | str, resident: bool = False) -> Index:
        """The index in the file at `path`, mapped, or copied into huge pages."""

    def __getitem__(self, number: int) -> int: ...
    def __contains__(self, number: int) -> bool: ...
    def __len__(self) -> int: ...
    @property
    def nbytes(self) -> int:
        """Bytes of the image."""

    @property
    def where(self) -> str:
        """The file the index was opened from."""

    def match(self, number: int) -> int:
        """The number's code, plus ENTRY (1 << 16) if it has an entry of its own."""

    def range_code(self, number: int) -> int:
        """The code of the innermost range around the number, whatever its own entry says; 0 for none."""

    def find_many(
        self, numbers: npt.NDArray[np.uint64], out: npt.NDArray[np.uint16] | None = None, threads: int = 1
    ) -> npt.NDArray[np.uint16]:
        """The code of each number, as `index[number]`."""

    def match_many(
        self, numbers: npt.NDArray[np.uint64], out: npt.NDArray[np.uint32] | None = None, threads: int = 1
    ) -> npt.NDArray[np.uint32]:
        """As find_many, plus ENTRY where the number has an entry of its own."""

    def count(self, first: int, last: int) -> int:
        """How many of the numbers `first` to `last` have an entry of their own."""

    def verify(self) -> None:
        """Check every byte of the image now. Raises DamagedImageError naming the first page that fails."""
