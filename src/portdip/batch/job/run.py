"""Run a job: shards to processes, and what they came to."""

from __future__ import annotations

import contextlib
import json
import selectors
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path

from portdip.batch.job import worker
from portdip.batch.job.plan import Job, alone, shards
from portdip.batch.job.result import Result, clear, resumed, succeed
from portdip.batch.question import Question, Tally
from portdip.errors import AnnotateError
from portdip.lookup.engine import Engine
from portdip.lookup.pinned import Pin

#: How often a shard may end the process that does it before it is left out.
_TRIES = 3


@dataclass(slots=True)
class Outcome:
    """What a job came to: the rows of the shards that are done, and why others could not be, by their inputs.

    All are answered from the table of `sequence`. `resumed` of the `shards` were done before. Files in directories
    whose names tell no format are `passed_over`.
    """

    sequence: int
    shards: int
    resumed: int = 0
    tally: Tally = field(default_factory=Tally)
    damaged: list[tuple[str, str]] = field(default_factory=list)
    passed_over: list[Path] = field(default_factory=list)


def annotate_files(
    engine: Engine,
    store: Path,
    inputs: list[Path],
    out: Path,
    question: Question,
    *,
    workers: int,
    resume: bool = False,
    report: Callable[[int, float | None], object] = lambda rows, share: None,
) -> Outcome:
    """Annotate files and directories of files into the directory `out`: see `portdip.batch.job`.

    All from the state that `engine` over `store` has now or, where a job is resumed, had when it began. Each of
    `workers` processes opens the store; one that is killed is replaced. A shard whose input is damaged is left out
    and told of; then there is no _SUCCESS. Raises AnnotateError where nothing can be begun, or no shard be done, for
    want of room on the disk or of the state of the store; what is done stays, and `resume` goes on. StoreLockedError
    where another process works on the same job.
    """
    parts, passed_over = shards(inputs, out)
    job = Job(str(store.absolute()), Pin.of(engine.generation), question, parts)
    if resume:
        Job.read(out)
    else:
        job.begin(out)
    with alone(out):
        done: list[Result | None] = [None] * len(job.shards)
        if resume:
            job, done = resumed(job, out)
        outcome = _finished(job, done, out, workers, report)
    outcome.passed_over = passed_over
    return outcome


def _finished(
    job: Job, done: list[Result | None], out: Path, workers: int, report: Callable[[int, float | None], object]
) -> Outcome:
    """Do all shards but those that are done."""
    outcome = Outcome(job.pin.sequence, len(job.shards))
    waiting = deque(place for place, result in enumerate(done) if result is None)
    results: list[Result] = []

    def take(result: Result) -> None:
        results.append(result)
        outcome.tally.add(result.tally)
        report(outcome.tally.rows, len(results) / len(job.shards))

    for result in done:
        if result is not None:
            take(result)
    outcome.resumed = len(results)
    with contextlib.closing(_answers(job, waiting, out, min(workers, len(waiting)))) as answers:
        for place, answer in answers:
            if isinstance(answer, Result):
                take(answer)
            else:
                outcome.damaged.append((job.shards[place].source, answer))
    outcome.damaged.sort()
    if not outcome.damaged:
        succeed(job, results, out)
    return outcome


class _Worker:
    """A process, and the shard that it is doing."""

    def __init__(self, out: Path) -> None:
        command = [sys.executable, "-P", "-m", worker.__name__]
        self.process = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.place = -1
        self._say(json.dumps(str(out)))

    def begin(self, place: int) -> None:
        """Have it do a shard."""
        self.place = place
        self._say(json.dumps(place))

    def _say(self, line: str) -> None:
        assert self.process.stdin
        with contextlib.suppress(BrokenPipeError):  # it is dead: its output ends, which is seen to
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()

    def answer(self) -> dict[str, object] | None:
        """Its answer, None where it has ended without."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        return json.loads(line) if line.endswith("\n") else None

    def end(self) -> bool:
        """End it; whether it was there to be ended, and may leave what it was writing."""
        if self.process.returncode is not None:
            return False
        self.process.terminate()
        self.process.communicate()
        return True


def _answers(job: Job, waiting: deque[int], out: Path, count: int) -> Generator[tuple[int, Result | str], None, None]:
    """Shards with what they came to, or why they cannot be done, as they are."""
    tries = [0] * len(job.shards)
    with selectors.DefaultSelector() as selector, contextlib.ExitStack() as stack:

        def begin(one: _Worker) -> None:
            if waiting:
                one.begin(waiting.popleft())
                tries[one.place] += 1
                selector.register(one.process.stdout, selectors.EVENT_READ, one)  # type: ignore[arg-type]
            else:
                one.end()

        def start() -> None:
            one = _Worker(out)
            stack.callback(end, one)
            begin(one)

        def end(one: _Worker) -> None:
            if one.end():
                clear(job.shards[one.place], out)

        for _ in range(count):
            start()
        while selector.get_map():
            for key, _ in selector.select():
                one: _Worker = key.data
                selector.unregister(key.fileobj)
                answer = one.answer()
                if answer is None:
                    end(one)
                    if tries[one.place] < _TRIES:
                        waiting.append(one.place)
                    else:
                        yield one.place, f"its process has ended {_TRIES} times: {_ending(one.process.returncode)}"
                    if waiting:
                        start()
                    continue
                yield one.place, _understood(answer)
                begin(one)


def _understood(answer: dict[str, object]) -> Result | str:
    if "fatal" in answer:
        raise AnnotateError("the job was stopped", got=str(answer["fatal"]), fix="Then go on with --resume.")
    if "damaged" in answer:
        return str(answer["damaged"])
    result = answer["result"]
    assert isinstance(result, dict)
    return Result.parse(result)


def _ending(code: int) -> str:
    return f"by signal {-code}" if code < 0 else f"exit code {code}"
