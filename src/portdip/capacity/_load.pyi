import numpy as np
import numpy.typing as npt

PATIENCE_NS: int

def ask(
    questions: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    port: int,
    seconds: float,
    rate: float,
    window: int,
    sockets: int,
    count: int,
    id_at: int | None,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int, float]:
    """Ask a port of loopback for so long, at most `count` times; question q is `questions[starts[q]:starts[q + 1]]`.

    `rate` questions a second are sent by schedule, or, at 0, each of `sockets` keeps `window` under way (1 over HTTP).
    `id_at` is where datagrams have their 16-bit id, None for HTTP/1.1. Returns for each question the nanoseconds from
    its time to its answer, or that it was waited for in vain (PATIENCE_NS or more on a schedule), and those that it was
    sent later than it could have been: after its time, and over HTTP after a connection was free; how many were
    answered; the seconds from the first question to the last answer. Raises OSError where a connection fails or an
    answer is no 200, ValueError for a load that makes no sense. Lets go of the GIL and keeps one core busy.
    """
