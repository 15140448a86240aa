"""What a plan may say, and when its slots are."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip.errors import MigrationPlanError
from portdip.porting.migration import plan as plans
from portdip.porting.migration.plan import Slots
from tests.porting.migration.world import BLOCK, merge, plan

RE_HOME = 'kind = "re-home"\ncarrier = "A"\nrouting_number = "0C"\nto = "0D"'


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([], "step"),
        ([merge(carrier="NEW")], "merged into itself"),
        ([merge(surprise=1)], "surprise"),
        ([merge(routing_number="0G")], "pattern"),
        ([merge(first=BLOCK)], "both ends"),
        ([merge(first=BLOCK, last=BLOCK - 1)], "not an interval"),
        ([merge(how="somehow")], "per-number"),
        ([RE_HOME.replace("0D", "0C")], "stays as it is"),
        ([RE_HOME + "\nat = 2026-01-01T00:00:00"], "timezone"),
        (['kind = "renumber"\nfirst = 100\nlast = 199\nto = 150'], "overlap"),
        (['kind = "renumber"\nfirst = 100\nlast = 199\nto = 950'], "not an interval"),
        (['kind = "take-over"\nfeed = "nowhere"'], "no feed nowhere"),
        (['kind = "take-over"\nfeed = "csv"'], "name files"),
        (['kind = "else"'], "take-over"),
    ],
)
def test_a_plan_that_cannot_be_meant_is_refused_and_says_where(steps, message):
    with pytest.raises(MigrationPlanError, match=message) as caught:
        plan(*steps)
    assert "step" in caught.value.where


def test_what_is_no_toml_is_refused():
    with pytest.raises(MigrationPlanError, match="no TOML"):
        plans.parse("name = ", "here")


def test_a_plan_is_read_from_a_file_with_its_files_beside_it(tmp_path):
    (tmp_path / "plan.toml").write_text(
        'name = "m"\nreason = "r"\n[[step]]\nkind = "take-over"\nfeed = "csv"\n'
        'files = ["theirs.csv"]\nmap = "map.toml"\n'
    )
    step = plans.load(tmp_path / "plan.toml").step[0]
    assert step.files == [tmp_path / "theirs.csv"]
    assert step.map == tmp_path / "map.toml"


def test_a_plan_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(MigrationPlanError, match="cannot be read"):
        plans.load(tmp_path / "none.toml")


def test_a_plan_is_kept_as_it_is():
    kept = plan(merge(at="2026-12-01T01:00:00+08:00"), RE_HOME, head="piece = 7")
    assert plans.restore(kept.model_dump_json()) == kept


def test_the_plan_of_the_documentation_is_a_plan():
    example = "\n".join(line[4:] for line in plans.__doc__.splitlines() if line.startswith("    "))
    assert [step.kind for step in plans.parse(example).step] == ["merge", "re-home", "renumber", "take-over"]


def test_a_slot_may_reach_over_midnight():
    slots = Slots(begin="23:00", end="02:00", zone="Asia/Shanghai")
    begin = datetime(2026, 12, 1, 15, tzinfo=UTC)
    assert slots.slot_of(datetime(2026, 12, 1, 17, 30, tzinfo=UTC)) == (begin, datetime(2026, 12, 1, 18, tzinfo=UTC))
    assert slots.slot_of(datetime(2026, 12, 1, 18, tzinfo=UTC)) is None


@given(moment=st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)))
def test_the_next_slot_begins_later_and_is_one(moment):
    slots = Slots(begin="01:00", end="05:00", zone="Europe/Amsterdam", days_off=["2026-12-25"])
    begin = slots.next_begin(moment)
    assert begin > moment
    assert slots.slot_of(begin)[0] == begin
    assert str(begin.date()) != "2026-12-25"
