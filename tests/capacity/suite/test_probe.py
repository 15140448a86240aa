from itertools import count

from portdip.capacity.suite.probe import Probe, Spec, sample


def spec(name: str) -> Spec:
    return Spec("group", name, 10, "/s", "higher", {"a": 1})


def unheard(what: str, share: float) -> None:
    pass


def test_every_probe_takes_a_sample_in_each_round_in_turn_after_one_that_does_not_count():
    called = []

    def probe(name: str) -> Probe:
        numbers = count()

        def take() -> tuple[float]:
            called.append(name)
            return (float(next(numbers)),)

        return Probe((spec(name),), take)

    figures, rounds = sample([probe("a"), probe("b")], 3, 1e9, unheard)
    assert called == ["a", "b"] * 4
    assert rounds == 3
    assert [(figure.name, figure.samples) for figure in figures] == [("a", (1, 2, 3)), ("b", (1, 2, 3))]
    assert figures[0].detail == {"a": 1}


def test_what_takes_long_is_sampled_seldom_from_the_first_round_on():
    heard = []
    slow = Probe((spec("slow"),), lambda: (1.0,), every=2)
    figures, _ = sample([slow], 5, 1e9, lambda what, share: heard.append(round(share * 6)))
    assert heard == [1, 3, 5]
    assert len(figures[0].samples) == 3


def test_time_that_is_up_ends_the_rounds_after_the_first():
    figures, rounds = sample([Probe((spec("a"),), lambda: (1.0,))], 100, 0.0, unheard)
    assert (rounds, len(figures[0].samples)) == (1, 1)


def test_a_sample_that_could_not_be_taken_is_left_out():
    values = iter([(0.0, 0.0), (None, 2.0), (None, 3.0)])
    figures, _ = sample([Probe((spec("lost"), spec("had")), lambda: next(values))], 2, 1e9, unheard)
    assert [(figure.name, figure.samples) for figure in figures] == [("had", (2.0, 3.0))]


def test_what_is_measured_is_told():
    heard = []
    sample([Probe((spec("a"),), lambda: (1.0,))], 1, 1e9, lambda what, share: heard.append((what, share)))
    assert heard == [("a", 0.0), ("a", 0.5)]
