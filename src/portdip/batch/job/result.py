"""What a shard came to, and all of them together."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import xxhash

from portdip import files
from portdip.batch.job.plan import DIRECTORY, Job, Shard
from portdip.batch.question import Tally
from portdip.errors import AnnotateError

SUCCESS = "_SUCCESS"
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Result:
    """A shard that is done: its rows, and the size (bytes) and xxh3-64 (hex) of its file."""

    target: str
    tally: Tally
    size: int
    xxh3: str

    @classmethod
    def of(cls, shard: Shard, tally: Tally, out: Path) -> Self:
        """That of a file just written."""
        size, checksum = _checksum(out / shard.target)
        return cls(shard.target, tally, size, checksum)

    @classmethod
    def parse(cls, content: dict[str, Any]) -> Self:
        """What `as_json` gave; KeyError, TypeError or ValueError for anything else."""
        tally = Tally(np.array(content["statuses"], dtype=np.int64), Counter(content["carriers"]))
        if tally.statuses.shape != Tally().statuses.shape:
            raise ValueError("other statuses")
        return cls(str(content["target"]), tally, int(content["size"]), str(content["xxh3"]))

    def as_json(self) -> dict[str, Any]:
        """The result as JSON has it."""
        content: dict[str, Any] = {"target": self.target, "size": self.size, "xxh3": self.xxh3}
        return content | {"statuses": self.tally.statuses.tolist(), "carriers": dict(self.tally.carriers)}

    def write(self, out: Path) -> None:
        """Say that the shard is done, for a job that is resumed."""
        files.write(_path(out, self.target), json.dumps(self.as_json()).encode())


def resumed(job: Job, out: Path) -> tuple[Job, list[Result | None]]:
    """The job as it goes on in `out`, where one was begun, and the results of its shards that are done.

    Inputs may have been repaired or added, but those that are done must be what they were. Raises AnnotateError if
    another job was begun there.
    """
    begun = Job.read(out)
    job.check_same(begun, out)
    done = {shard: result for shard in begun.shards if (result := _kept(shard, out)) is not None}
    gone = set(done) - set(job.shards)
    if gone:
        raise AnnotateError(
            "an input that is done has changed since, or is not given any more",
            where=min(shard.source for shard in gone),
            fix="Begin the job anew, in another directory.",
        )
    for shard in set(begun.shards) - set(job.shards):
        with contextlib.suppress(FileNotFoundError):
            files.remove(out / shard.target)
        clear(shard, out)
    results = [done.get(shard) for shard in job.shards]
    if None in results:
        with contextlib.suppress(FileNotFoundError):
            files.remove(out / SUCCESS)
    job = replace(job, pin=begun.pin)
    job.write(out)
    return job, results


def _kept(shard: Shard, out: Path) -> Result | None:
    """The result of a shard that is done, and whose file is still what was written; None for any other."""
    try:
        result = Result.parse(json.loads(files.read_bytes(_path(out, shard.target))))
        if result.target == shard.target and _checksum(out / shard.target) == (result.size, result.xxh3):
            return result
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return None


def clear(shard: Shard, out: Path) -> None:
    """Remove what a process that was ended had begun to write of a shard."""
    for path in (out / shard.target, _path(out, shard.target)):
        files.remove_unfinished(path)


def succeed(job: Job, results: Iterable[Result], out: Path) -> None:
    """Write _SUCCESS: every shard is done."""
    found = sorted(results, key=lambda result: result.target)
    tally = Tally()
    for result in found:
        tally.add(result.tally)
    content: dict[str, Any] = {"format": 1, "store": job.store, **job.pin.as_json()}
    content |= {"column": job.question.column, "at_column": job.question.at_column}
    content |= {"time_zone": job.question.time_zone, "prefix": job.question.prefix, "region": job.question.region}
    content |= {"rows": tally.rows}
    content |= {"statuses": tally.by_status(job.question), "carriers": dict(sorted(tally.carriers.items()))}
    content["files"] = [
        {"name": result.target, "rows": result.tally.rows, "bytes": result.size, "xxh3": result.xxh3}
        for result in found
    ]
    files.write(out / SUCCESS, json.dumps(content, indent=1).encode() + b"\n")


def _path(out: Path, target: str) -> Path:
    """Where the result of a shard is: by a digest of its name, which may be in folders and of any letters."""
    return out / DIRECTORY / f"{hashlib.sha256(target.encode()).hexdigest()[:32]}.json"


def _checksum(path: Path) -> tuple[int, str]:
    checksum, size = xxhash.xxh3_64(), 0
    for block in files.read_blocks(path, _BLOCK_BYTES):
        checksum.update(block)
        size += len(block)
    return size, checksum.hexdigest()
