from portdip.service.patience import Patience


def test_the_first_death_costs_no_wait_and_each_one_after_it_twice_as_much():
    patience = Patience()
    assert [patience.died(now, lived=1) for now in range(4)] == [0, 0.1, 0.2, 0.4]
    assert patience.due == 3.4


def test_no_wait_is_longer_than_ten_seconds():
    patience = Patience()
    assert max(patience.died(0, lived=0) for _ in range(50)) == 10


def test_whoever_lived_long_begins_anew():
    patience = Patience()
    for _ in range(5):
        patience.died(0, lived=1)
    assert patience.died(100, lived=60) == 0
