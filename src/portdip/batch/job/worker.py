"""A process that does shards: `python -m portdip.batch.job.worker`, driven by `portdip.batch.job.run`.

Reads lines of JSON from standard input: the job's directory first, then a shard's place in the plan at a time. Answers
each shard with a line on standard output: `{"result": ...}`; `{"damaged": TEXT}` where its input is to blame; or
`{"fatal": TEXT}` where no shard could be done any better. Ends when there are no more lines: with whoever drives it.
"""

from __future__ import annotations

import errno
import json
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

from portdip import files
from portdip.batch.annotate import annotate
from portdip.batch.job.plan import Job, Shard
from portdip.batch.job.result import Result
from portdip.batch.place import Place
from portdip.errors import AnnotateError, FeedError, PortdipError
from portdip.lookup.engine import Engine
from portdip.lookup.pinned import open_pinned

#: No room, too many open files, or what an earlier job that was killed still writes: no fault of the input.
_NOT_ITS_FAULT = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EAGAIN),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM),
}


def main() -> None:
    """Do the shards that are asked for."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever drives this hears it too, and says what to do
    signal.signal(signal.SIGTERM, _leave)
    lines = iter(sys.stdin)
    out = Path(json.loads(next(lines)))
    try:
        job = Job.read(out)
        engine = open_pinned(Path(job.store), job.pin)
    except (PortdipError, OSError) as error:
        for _ in lines:
            _say({"fatal": str(error)})
        return
    for line in lines:
        _say(_done(engine, job, job.shards[json.loads(line)], out))


def _done(engine: Engine, job: Job, shard: Shard, out: Path) -> dict[str, Any]:
    target = out / shard.target
    try:
        shard.check()
        files.make_directory(target.parent)
        tally = annotate(
            engine, Place.of(Path(shard.source)), Place.of(target), job.question, row_groups=shard.row_groups
        )
        shard.check()  # nobody changed it while it was read
        result = Result.of(shard, tally, out)
        result.write(out)
    except (AnnotateError, FeedError) as error:
        return {"damaged": str(error)}
    except OSError as error:
        said = ": ".join(str(part) for part in (error.filename, error.strerror) if part) or str(error)
        elsewhere = error.filename not in (None, shard.source)  # at the result, or in the store
        return {"fatal" if elsewhere or error.errno in _NOT_ITS_FAULT else "damaged": said}
    except PortdipError as error:
        return {"fatal": str(error)}
    return {"result": result.as_json()}


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _leave(*_: object) -> NoReturn:
    sys.exit(143)


if __name__ == "__main__":
    main()
