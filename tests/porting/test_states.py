"""The table of moves, looked at as a graph."""

from portdip.porting import states
from portdip.porting.profile import load_all
from portdip.porting.states import ACTIVE, FINAL, MOVES, OPEN, ROLES, UNSUBMITTED, Act, State


def reachable(begin: State, skipped: frozenset[State] = frozenset()) -> set[State]:
    found, left = {begin}, [begin]
    while left:
        state = left.pop()
        for (before, _), after in MOVES.items():
            if before is state and after not in found | skipped:
                found.add(after)
                left.append(after)
    return found


def test_every_state_is_reached_from_a_draft_and_every_act_is_of_use():
    assert reachable(State.DRAFT) == set(State)
    assert {act for _, act in MOVES} == set(Act) == set(ROLES)


def test_no_order_is_stuck_but_in_a_final_state():
    for state in State:
        assert (reachable(state) & FINAL != set()) or state in FINAL
        assert (reachable(state) == {state}) == (state in FINAL)


def test_a_final_order_is_neither_open_nor_active():
    assert not FINAL & (OPEN | ACTIVE)
    assert set(State) == FINAL | OPEN | ACTIVE
    assert UNSUBMITTED < OPEN


def test_what_is_not_skipped_is_reached_under_every_profile():
    for profile in load_all().values():
        assert reachable(State.DRAFT, profile.skipped) == set(State) - profile.skipped, profile.name


def test_a_number_becomes_active_only_through_a_broadcast():
    before = {state for (state, _), after in MOVES.items() if after in ACTIVE and state not in ACTIVE}
    assert before == {State.BROADCASTING}


def test_the_diagram_draws_the_table_without_what_is_skipped():
    drawn = states.diagram()
    assert drawn.startswith("stateDiagram-v2\n    [*] --> draft\n")
    assert "    code_issued --> submitted: submit\n" in drawn
    assert "    rejected --> [*]\n" in drawn
    assert "dispute" not in drawn
    assert "conflict" not in states.diagram(load_all()["cn"].skipped)
