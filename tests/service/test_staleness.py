from portdip.errors import StoreError
from portdip.service.staleness import Staleness


class Engine:
    """Has the lag that is put into it, or raises it."""

    def __init__(self, lag):
        self.says = lag

    @property
    def lag(self):
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


def test_the_lag_is_the_engines():
    engine = Engine(1.5)
    staleness = Staleness(engine, clock=lambda: 0.0)
    assert staleness.look() == 1.5
    engine.says = 0.0
    assert staleness.look() == 0.0


def test_the_lag_grows_while_the_store_cannot_be_asked():
    now = 100.0
    engine = Engine(2.0)
    staleness = Staleness(engine, clock=lambda: now)
    staleness.look()
    for trouble in (OSError("the disk is gone"), StoreError("damaged")):
        engine.says = trouble
        now += 10
        assert staleness.look() == 2.0 + now - 100
    engine.says = 0.5
    assert staleness.look() == 0.5


def test_what_could_never_be_asked_counts_from_the_beginning():
    now = 5.0
    staleness = Staleness(Engine(OSError()), clock=lambda: now)
    now = 12.0
    assert staleness.look() == 7.0
