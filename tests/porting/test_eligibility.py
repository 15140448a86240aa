"""Every condition of eligibility, alone and together."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip.porting import profile as profiles
from portdip.porting.donor_systems import Subscriber
from portdip.porting.eligibility import Claim, Standing, review
from portdip.porting.privacy import Vault

ALL = profiles.load_all()
VAULT = Vault({"1": bytes(32)}, "1")
NOW = datetime(2026, 6, 1, 4, 0, tzinfo=UTC)
CLAIM = Claim("11010519491231002X", "王小明")
GOOD = Subscriber(
    number=8613800138000,
    carrier="ALPHA",
    kind="personal",
    status="normal",
    area="",
    real_name=True,
    identity=VAULT.identity(CLAIM.identity).hash,
    identity_last4="002X",
    name=CLAIM.name,
    arrears=0,
    unbilled=0,
    unbilled_agreed=False,
    contract_until=None,
    joined=NOW - timedelta(days=120),
    bars=frozenset(),
)
STANDING = Standing(serving="ALPHA", activated=None, ongoing=False)

#: What is changed of a good subscriber, or of our records, and the reason that it makes in China and in India.
CASES = [
    ({"kind": "iot"}, {}, "kind-excluded", "kind-excluded"),
    ({"kind": "reseller"}, {}, "kind-excluded", "kind-excluded"),
    ({"status": "suspended"}, {}, "not-in-use", "not-in-use"),
    ({"status": "lost"}, {}, "not-in-use", "not-in-use"),
    ({"real_name": False}, {}, "not-real-name", ""),
    ({"identity": VAULT.identity("other").hash}, {}, "identity-mismatch", ""),
    ({"name": "李雷"}, {}, "identity-mismatch", ""),
    ({"arrears": 1}, {}, "arrears", "arrears"),
    ({"unbilled": 1}, {}, "unbilled-charges", ""),
    ({"contract_until": NOW + timedelta(seconds=1)}, {}, "contract", "contract"),
    ({"joined": NOW - timedelta(days=120) + timedelta(seconds=1)}, {}, "tenure", ""),
    ({"joined": NOW - timedelta(days=89)}, {}, "tenure", "tenure"),
    ({"bars": frozenset({"court"})}, {}, "", "court"),
    ({"bars": frozenset({"ownership-change"})}, {}, "", "ownership-change"),
    ({}, {"activated": NOW - timedelta(days=119)}, "ported-lately", ""),
    ({}, {"activated": NOW - timedelta(days=89)}, "ported-lately", "ported-lately"),
    ({}, {"serving": "BETA"}, "other-donor", "other-donor"),
    ({}, {"ongoing": True}, "ongoing", "ongoing"),
]


def reasons(country, subscriber, standing=STANDING, claim=CLAIM):
    return set(review(ALL[country], "ALPHA", subscriber, standing, claim, VAULT, NOW).reasons)


@pytest.mark.parametrize("country", sorted(ALL))
def test_a_good_subscriber_is_eligible_everywhere(country):
    assert reasons(country, GOOD) == set()


@pytest.mark.parametrize(("changed", "recorded", "cn", "india"), CASES)
def test_each_condition_has_its_reason(changed, recorded, cn, india):
    subscriber = dataclasses.replace(GOOD, **changed)
    standing = dataclasses.replace(STANDING, **recorded)
    assert reasons("cn", subscriber, standing) == {cn} - {""}
    assert reasons("in", subscriber, standing) == {india} - {""}


@given(st.lists(st.sampled_from(CASES), max_size=8))
def test_all_reasons_come_at_once(cases):
    changed = {name: value for case in cases for name, value in case[0].items()}
    recorded = {name: value for case in cases for name, value in case[1].items()}
    holding = {
        cn
        for more, records, cn, _ in CASES
        if all(changed.get(name) == value for name, value in more.items())
        and all(recorded.get(name) == value for name, value in records.items())
    } - {""}
    assert reasons("cn", dataclasses.replace(GOOD, **changed), dataclasses.replace(STANDING, **recorded)) == holding


def test_unbilled_charges_that_are_agreed_and_a_contract_that_has_ended_are_no_obstacle():
    assert reasons("cn", dataclasses.replace(GOOD, unbilled=5, unbilled_agreed=True, contract_until=NOW)) == set()


def test_an_unknown_number_is_one_reason_and_our_own_records_count_still():
    assert reasons("cn", None) == {"unknown-number"}
    assert reasons("cn", None, dataclasses.replace(STANDING, ongoing=True)) == {"unknown-number", "ongoing"}


def test_a_name_counts_only_where_both_sides_have_one():
    assert reasons("cn", GOOD, claim=Claim(CLAIM.identity)) == set()
    assert reasons("cn", dataclasses.replace(GOOD, name="")) == set()


def test_a_claim_is_never_printed():
    assert "王小明" not in repr(CLAIM)
