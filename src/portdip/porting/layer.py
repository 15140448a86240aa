"""The porting layer as a whole: its parts, put together once for the command line, the API and the simulator.

It keeps in a store's directory, beside what the engine keeps there:

    STORE/porting.db         the database, where the settings name no other
    STORE/porting-keys.json  the keys for personal data, where the settings name none
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Self

from portdip.porting import profile as profiles
from portdip.porting.actor import SYSTEM
from portdip.porting.after import AfterPort
from portdip.porting.applying import Applications
from portdip.porting.clock import Clock
from portdip.porting.cutover import CutOver, Progress
from portdip.porting.database import Database
from portdip.porting.donor_systems import DonorSystems, RemoteDonorSystem
from portdip.porting.orders import Orders
from portdip.porting.privacy import Vault
from portdip.porting.profile import Profile
from portdip.porting.publisher import OpenWriter, Publisher
from portdip.porting.resources import release_due
from portdip.porting.steps import Steps
from portdip.porting.supervision import complaints
from portdip.porting.supervision.standing import may_port_in
from portdip.porting.timers import Timers
from portdip.settings.porting import Porting

#: Their names there.
DATABASE_FILE = "porting.db"
KEYS_FILE = "porting-keys.json"


@dataclass(frozen=True, slots=True)
class Layer:
    """The parts of an open layer. `profile` is that of new orders.

    May be shared between threads, but for `cut_over` and `timers`: those, and `step`, are for one thread.
    """

    database: Database
    profile: Profile
    vault: Vault
    orders: Orders
    steps: Steps
    applications: Applications
    after: AfterPort
    timers: Timers
    cut_over: CutOver
    open_writer: OpenWriter

    @classmethod
    @contextlib.contextmanager
    def open(
        cls, directory: Path, settings: Porting, open_writer: OpenWriter, clock: Clock | None = None
    ) -> Iterator[Self]:
        """The layer of the store in `directory`, whose chain `open_writer` writes; closed when the block ends.

        Raises DatabaseError, ProfileError or PersonalDataError for what cannot be opened.
        """
        with contextlib.ExitStack() as stack:
            chosen = profiles.load(settings.profile)
            url = settings.database_url
            database = stack.enter_context(
                Database.open(
                    f"sqlite:///{directory / DATABASE_FILE}" if url is None else url.get_secret_value(), clock
                )
            )
            vault = Vault.open(settings.privacy, directory / KEYS_FILE)
            remote = {
                carrier: stack.enter_context(contextlib.closing(RemoteDonorSystem(system, vault, carrier)))
                for carrier, system in settings.donor_systems.items()
            }
            orders = Orders({**profiles.load_all(), chosen.name: chosen})
            steps = Steps(orders)
            after = AfterPort(orders)
            yield cls(
                database=database,
                profile=chosen,
                vault=vault,
                orders=orders,
                steps=steps,
                applications=Applications(database, steps, DonorSystems(database, vault, remote), vault, may_port_in),
                after=after,
                timers=Timers(database, steps, after),
                cut_over=CutOver(
                    database,
                    orders,
                    Publisher(database, open_writer),
                    timedelta(seconds=settings.node_limit_seconds),
                ),
                open_writer=open_writer,
            )

    def step(self) -> Progress:
        """Do all that is due now: timers, ends of quarantines, clocks of complaints, cut-overs.

        Raises what `CutOver.step` raises.
        """
        self.timers.step()
        with self.database.transaction() as tx:
            release_due(tx, SYSTEM)
            complaints.run_due(tx, self.orders.profiles)
        return self.cut_over.step()
