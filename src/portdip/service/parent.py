"""The parent: forks the workers, replaces those that die, and ends or renews them without losing a request.

It answers nothing itself and opens no store, so there is nothing in it that could break. It has one thread, because
a fork copies only the thread that forks. What the workers share (modules, settings) is loaded before and frozen, so
their memory stays the parent's.

    SIGTERM, SIGINT  end: workers answer what has come in, then leave; a second one ends them at once
    SIGHUP           read the settings again, and put a new worker in the place of every old one, one after the other
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from portdip.access.addresses import Address
from portdip.access.counters import PROTOCOLS, Counters
from portdip.errors import PortdipError, ServiceError
from portdip.service import log, worker
from portdip.service.companion import Companion
from portdip.service.notify import Notifier
from portdip.service.process import Process, fork
from portdip.service.slot import Slot
from portdip.service.sockets import Place, check_free, places
from portdip.settings.access import Access
from portdip.table.store import Store

#: How often the parent looks around where nothing happens, in seconds.
_LOOK_SECONDS = 0.5
#: A worker whose heart has not beaten for so long is stuck, and is killed.
_STUCK_SECONDS = 20.0
#: How long workers that are told to end may take for what they have begun.
_GRACE_SECONDS = 30.0
#: Workers, and addresses of a protocol, that settings read anew may have at least: the counters are made once.
_WORKERS_LEAST, _LISTENERS_LEAST = 16, 4

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


class Parent:
    """Runs the service over the store at `path` until it is told to end. For the main thread.

    `load` gives the settings, now and at every SIGHUP; `source` is what `portdip follow` keeps the store current from,
    None for a store that somebody else keeps; `porting` are the addresses of the porting API, if it is to run too.
    Raises ServiceError, SettingsError or StoreError where it cannot begin.
    """

    def __init__(
        self, path: Path, load: Callable[[], Access], source: str | None = None, porting: Sequence[str] = ()
    ) -> None:
        self._path = path.absolute()
        self._load = load
        self._access = load()
        self._places = places(self._access)
        if not self._places:
            raise ServiceError(
                "there is no address to answer at", fix="Name one: --http :8080, --enum :5300 or --pdb :5574."
            )
        self._founds = source is not None
        if not self._founds:
            Store.open(path)
        check_free([*self._places, *(Place("http", Address.parse(address)) for address in porting)])
        self._companions = list(_companions(self._path, source, porting))
        self._workers_most = max(self._access.workers, _WORKERS_LEAST)
        self._listeners_most = {
            protocol: max(_listeners(self._places, protocol), _LISTENERS_LEAST) for protocol in PROTOCOLS
        }
        self._counters = Counters(2 * self._workers_most, self._listeners_most)
        #: Of every row the last beat, and since when it has not changed.
        self._beats: dict[int, tuple[int, float]] = {}
        self._slots: list[Slot] = []
        self._retired: list[Slot] = []
        self._renewing: deque[Slot] = deque()
        self._before: Access | None = None
        self._notifier = Notifier()
        self._has_begun = self._is_ending = self._must_renew = False
        self._alive_at = -1.0

    def run(self) -> None:
        """Begin, go on until a signal ends it, and end."""
        with _heard() as wake:
            gc.collect()
            gc.freeze()
            self._slots = [Slot(number) for number in range(self._access.workers)]
            try:
                while not self._is_ending:
                    self._go_on()
                    self._listen(wake, self._wait())
            finally:
                self._end(wake)

    def _go_on(self) -> None:
        """All that may be due."""
        now = time.monotonic()
        for companion in self._companions:
            companion.keep(now)
        if not self._founds or worker.is_store(self._path):
            for slot in self._slots:
                if slot.worker is None and now >= slot.patience.due:
                    slot.start(self._fork)
        self._kill_the_stuck(now)
        self._renew()
        if not self._has_begun and all(slot.is_ready for slot in self._slots):
            self._has_begun = True
            self._notifier.ready()
            log.say("ready", workers=len(self._slots), at=[str(place) for place in self._places])
        self._notify(now)

    def _wait(self) -> float:
        """How long nothing is due, at most."""
        now = time.monotonic()
        due = [slot.patience.due - now for slot in self._slots if slot.worker is None]
        return max(min([_LOOK_SECONDS, *due]), 0.001)

    def _listen(self, wake: socket.socket, seconds: float) -> None:
        """Wait for a signal, a word of a worker, or for `seconds`; see to what came."""
        processes = {process.channel: process for process in self._processes() if process.channel.fileno() >= 0}
        readable, _, _ = select.select([wake, *processes], [], [], seconds)
        for channel in readable:
            if channel is not wake:
                processes[channel].hear()
        self._reap()
        if wake in readable:
            for number in wake.recv(4096):
                self._take(signal.Signals(number))

    def _take(self, number: signal.Signals) -> None:
        if number == signal.SIGHUP:
            self._must_renew = True
        elif number != signal.SIGCHLD:
            if self._is_ending:
                for process in self._processes():
                    process.signal(signal.SIGKILL)
            self._is_ending = True

    def _processes(self) -> Iterator[Process]:
        for slot in [*self._slots, *self._retired]:
            yield from slot.processes

    def _fork(self, slot: Slot, row: int) -> Process:
        slot.sockets.keep(self._places)
        task = worker.Task(self._path, self._access, row, dict(slot.sockets), self._counters)
        own = {id(made) for made in slot.sockets.values()}
        others = [made for other in self._slots for made in other.sockets.values() if id(made) not in own]
        others += [process.channel for process in self._processes()]
        self._counters.clear_state(row)
        return fork(lambda channel: worker.work(task, channel), row, time.monotonic(), others)

    def _reap(self) -> None:
        """See to all children that have ended."""
        now = time.monotonic()
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            code = os.waitstatus_to_exitcode(status)
            if any(companion.reaped(pid, code, now) for companion in self._companions):
                continue
            for slot in [*self._slots, *self._retired]:
                for process in list(slot.processes):
                    if process.pid == pid:
                        self._ended(slot, process, code, now)

    def _ended(self, slot: Slot, process: Process, code: int, now: float) -> None:
        """A worker has ended: as it should, or to be replaced."""
        process.hear()
        was_wanted = process is slot.worker and slot in self._slots and not self._is_ending
        was_successor = process is slot.successor
        slot.reaped(process)
        self._counters.clear_state(process.row)
        self._retired = [retired for retired in self._retired if any(retired.processes)]
        if was_successor and code > 0:
            self._give_up_renewing(process, code)
        elif was_successor:
            slot.patience.died(now, now - process.started)
        elif was_wanted and not self._has_begun:
            raise ServiceError(process.refusal or f"a worker cannot start: {_why(code)}")
        elif was_wanted:
            wait = slot.patience.died(now, now - process.started)
            log.say("worker died", pid=process.pid, why=process.refusal or _why(code), again_in=f"{wait:.1f} s")

    def _kill_the_stuck(self, now: float) -> None:
        """By the beats alone, not by the time they name: clocks jump."""
        for process in self._processes():
            beat = self._counters.state(process.row).heartbeat
            last, since = self._beats.get(process.row, (-1, now))
            if not process.is_ready or beat != last:
                self._beats[process.row] = (beat, now)
            elif now - since > _STUCK_SECONDS:
                log.say("worker is stuck", pid=process.pid)
                process.signal(signal.SIGKILL)

    def _renew(self) -> None:
        """The next step of a rolling restart, if there is one."""
        if self._must_renew and self._has_begun and not self._renewing and not self._retired:
            self._must_renew = False
            self._begin_renewing()
        while self._renewing:
            slot = self._renewing[0]
            if slot.promote() or slot.worker is None:
                self._renewing.popleft()
                if not self._renewing:
                    self._end_renewing()
                continue
            if slot.successor is None and slot.leaving is None and time.monotonic() >= slot.patience.due:
                slot.take_over(self._fork)
            return

    def _begin_renewing(self) -> None:
        try:
            access = self._load()
            wanted = places(access)
            self._check_room(access, wanted)
            check_free(place for place in wanted if place not in self._places)
        except PortdipError as error:
            log.say("settings refused, those before go on", why=str(error))
            return
        self._notifier.reloading()
        self._before, self._access, self._places = self._access, access, wanted
        self._renewing = deque(self._slots[: access.workers])

    def _end_renewing(self) -> None:
        """All workers are new: let go of those too many, or make room for more."""
        self._before = None
        for slot in self._slots[self._access.workers :]:
            slot.sockets.close()
            for process in slot.processes:
                process.signal(signal.SIGTERM)
            self._retired.append(slot)
        self._slots[self._access.workers :] = []
        self._slots += [Slot(number) for number in range(len(self._slots), self._access.workers)]
        self._notifier.ready()
        log.say("settings taken", workers=len(self._slots))

    def _check_room(self, access: Access, wanted: list[Place]) -> None:
        full = [protocol for protocol, most in self._listeners_most.items() if _listeners(wanted, protocol) > most]
        if access.workers > self._workers_most or full:
            raise ServiceError(
                f"more {full[0] + ' addresses' if full else 'workers'} than there is room for",
                expected=f"at most {self._listeners_most[full[0]] if full else self._workers_most}",
                fix="Restart the service.",
            )

    def _give_up_renewing(self, process: Process, code: int) -> None:
        """A successor could not start: the workers that are there stay, with the settings they have."""
        log.say("settings refused by a new worker, those before go on", why=process.refusal or _why(code))
        self._renewing.clear()
        if self._before is not None:
            self._access, self._before = self._before, None
            self._places = places(self._access)
        self._notifier.ready()

    def _notify(self, now: float) -> None:
        answering = sum(slot.is_ready for slot in self._slots)
        states = [self._counters.state(slot.worker.row) for slot in self._slots if slot.worker and slot.is_ready]
        line = f"{answering} of {len(self._slots)} workers answer"
        if states:
            sequence, lag = min(state.sequence for state in states), max(state.lag for state in states)
            line += f" at sequence {sequence}, lag {lag / 1000:.0f} s"
        self._notifier.status(line)
        interval = self._notifier.watchdog_seconds
        if interval is not None and now - self._alive_at >= min(interval, _LOOK_SECONDS):
            self._alive_at = now
            self._notifier.alive()

    def _end(self, wake: socket.socket) -> None:
        """Let the workers answer what has come in, and end; those that take too long are killed."""
        self._is_ending = True
        self._notifier.stopping()
        for companion in self._companions:
            companion.end()
        for process in self._processes():
            process.signal(signal.SIGTERM)
        for slot in self._slots:
            slot.sockets.close()
        deadline = time.monotonic() + _GRACE_SECONDS
        while any(self._processes()) or any(companion.is_there for companion in self._companions):
            if time.monotonic() >= deadline:
                for process in self._processes():
                    process.signal(signal.SIGKILL)
                for companion in self._companions:
                    companion.signal(signal.SIGKILL)
            self._listen(wake, 0.1)
        log.say("ended")


def _companions(path: Path, source: str | None, porting: Sequence[str]) -> Iterator[Companion]:
    """The other verbs that run beside the workers. ServiceError where the chain would have two writers."""
    if source is not None:
        if porting:
            raise ServiceError(
                "a store that follows another publishes nothing", fix="Run the porting layer over the store it follows."
            )
        yield Companion(["follow", str(path), source])
    if porting:
        yield Companion(["port", "serve", str(path), *porting])
        yield Companion(["port", "run", str(path)])


def _listeners(wanted: list[Place], protocol: str) -> int:
    return sum(place.protocol == protocol for place in wanted)


def _why(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


@contextmanager
def _heard() -> Iterator[socket.socket]:
    """Signals arrive at the socket that the block gets, one byte each; they interrupt nothing."""
    wake, woken = socket.socketpair()
    wake.setblocking(False)
    woken.setblocking(False)
    usual = {number: signal.signal(number, lambda *_: None) for number in _SIGNALS}
    before = signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
    try:
        yield wake
    finally:
        signal.set_wakeup_fd(before)
        for number, handler in usual.items():
            signal.signal(number, handler)
        wake.close()
        woken.close()
        sys.stdout.flush()
