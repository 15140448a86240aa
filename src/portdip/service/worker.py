"""A worker: a process that opens the store live and answers at every place of the settings.

It binds its sockets only once it can answer, so no request comes to it before. Each UDP listener has a thread that
never takes the GIL; a keeper thread gives them newer responders; HTTP and ENUM over TCP share one event loop in the
main thread. It leaves at SIGTERM, or when its parent is gone, after it has answered what came in.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import uvloop

from portdip.access import Responder
from portdip.access.counters import Counters
from portdip.errors import StoreError
from portdip.lookup.engine import Engine, open_engine
from portdip.lookup.generation import Generation
from portdip.service.datagrams import Datagrams, Responders
from portdip.service.keeper import Keeper
from portdip.service.process import READY
from portdip.service.sockets import Place, bind, places
from portdip.service.streams import serving
from portdip.settings.access import Access
from portdip.table.store import Store

#: Threads wait for the GIL no longer than this, so that a list over HTTP does not hold up a new generation.
_SWITCH_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker is to do: `row` is its row of the counters, `sockets` are those of its slot, bound or not."""

    store: Path
    access: Access
    row: int
    sockets: Mapping[Place, socket.socket]
    counters: Counters


def is_store(path: Path) -> bool:
    """Whether there is a store yet."""
    try:
        Store.open(path)
    except StoreError:
        return False
    return True


def work(task: Task, channel: socket.socket) -> None:
    """Answer until SIGTERM, or until the channel ends; say READY on it first.

    Raises StoreError, ImageError, DeltaError or SettingsError where it cannot begin, and OSError where a socket fails.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    with open_engine(task.store, task.access.resident, live=True) as engine:
        worker = Worker(task, engine, channel)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(worker.run())
    if worker.failure is not None:
        raise worker.failure


class Worker:
    """What there is of one worker while it runs. `failure` is what ended it, None for a good end."""

    def __init__(self, task: Task, engine: Engine, channel: socket.socket) -> None:
        self._task = task
        self._engine = engine
        self._channel = channel
        self._places = places(task.access)
        self._maker = Responders(task.access, {place.protocol for place in self._places})
        generation = engine.generation
        self._responders = self._maker.renew(generation)
        self._datagrams = Datagrams(task.access, task.row, task.counters, self._failed)
        self._keeper = Keeper(
            engine,
            task.counters,
            task.row,
            task.access.udp.stale_seconds,
            generation,
            self._renew,
            self._datagrams.set_down,
        )
        self._ending = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.failure: BaseException | None = None

    async def run(self) -> None:
        """Begin, say so, and go on until told to end."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_signal_handler(signal.SIGTERM, self._ending.set)
        self._loop.add_reader(self._channel, self._ending.set)
        self._keeper.look()
        self._datagrams.start(self._places, self._responders, self._keeper.is_down)
        try:
            for place, listening in self._task.sockets.items():
                bind(place, listening)
            async with serving(self._task, self._engine, self._enum_responder, lambda: self._keeper.is_down):
                self._keeper.start()
                self._keeper.is_ready = True
                with suppress(OSError):  # a parent that is gone ends us anyway
                    self._channel.send(READY.encode())
                await self._ending.wait()
                self._keeper.is_ready = False
        finally:
            await asyncio.to_thread(self._datagrams.stop)
            self._loop.remove_reader(self._channel)
            self._keeper.stop()

    def _enum_responder(self) -> Responder:
        return self._responders["enum"]

    def _renew(self, generation: Generation) -> None:
        made = self._maker.renew(generation)
        self._datagrams.swap(made)
        self._responders = made

    def _failed(self, error: BaseException) -> None:
        self.failure = self.failure or error
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._ending.set)
