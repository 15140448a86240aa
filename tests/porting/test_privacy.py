"""Identity numbers, names and codes as they are kept, and new keys for them."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import LargeBinary, select

from portdip.errors import PersonalDataError
from portdip.porting import rotation
from portdip.porting.actor import SYSTEM
from portdip.porting.api import webhooks
from portdip.porting.applying import applicant_context
from portdip.porting.privacy import Vault, masked_name, same_name
from portdip.porting.tables import METADATA
from portdip.porting.tables.access import REQUESTS, WEBHOOKS
from portdip.porting.tables.orders import APPLICANTS
from portdip.settings.porting import Privacy
from tests.porting.world import CENTRE, CLAIM, IDENTITY, NAME

OLD, NEW = bytes(32), bytes(range(32))
vault = Vault({"old": OLD}, "old")


@given(st.text(min_size=1), st.text())
def test_what_is_sealed_opens_in_its_own_context_only(value, context):
    sealed = vault.seal(value, context)
    assert vault.unseal(sealed, context) == value
    with pytest.raises(PersonalDataError):
        vault.unseal(sealed, context + "x")


@given(st.integers(0, 200), st.integers(0, 7))
def test_a_flipped_bit_never_opens(place, bit):
    sealed = bytearray(vault.seal("王小明", "a"))
    sealed[place % len(sealed)] ^= 1 << bit
    with pytest.raises(PersonalDataError):
        vault.unseal(bytes(sealed), "a")


def test_the_same_value_is_never_sealed_the_same_way():
    assert vault.seal("a", "b") != vault.seal("a", "b")


def test_an_identity_is_known_however_it_is_written():
    kept = vault.identity(IDENTITY)
    assert kept.last4 == "002X"
    for written in ("11010519491231002x", "110105 19491231 002X", "１１０１０５-19491231-002Ｘ"):
        assert vault.is_identity(written, kept.hash)
    assert not vault.is_identity("110105194912310021", kept.hash)
    assert IDENTITY not in kept.hash


def test_hashes_of_two_purposes_or_keys_differ():
    assert vault.digest("code", "1") != vault.digest("identity", "1")
    assert vault.digest("code", "1") != Vault({"old": NEW}, "old").digest("code", "1")


def test_a_missing_key_is_named():
    sealed = Vault({"lost": NEW}, "lost").seal("a", "b")
    with pytest.raises(PersonalDataError, match="lost"):
        vault.unseal(sealed, "b")


def test_names_are_compared_as_people_write_them():
    assert same_name("王 小明", "王小明")
    assert not same_name("王小明", "王小朋")
    assert masked_name("王小明") == "王**"


def test_without_keys_in_the_settings_a_key_file_is_made_once_for_its_owner_only(tmp_path):
    path = tmp_path / "keys.json"
    made, again = Vault.open(Privacy(), path), Vault.open(Privacy(), path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert again.unseal(made.seal("a", "b"), "b") == "a"


def test_processes_that_make_the_key_file_at_once_get_the_same_keys(tmp_path):
    path = tmp_path / "keys.json"
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: Vault.open(Privacy(), path), range(8)))
    assert {one.digest("code", "1") for one in made} == {made[0].digest("code", "1")}


def test_a_key_file_that_cannot_be_made_is_named(tmp_path):
    with pytest.raises(PersonalDataError, match="no keys can be made"):
        Vault.open(Privacy(), tmp_path / "nowhere" / "keys.json")


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"current": "1", "keys": {"1": "00"}}', '{"current": "1", "keys": 5}']
)
def test_a_key_file_that_is_damaged_is_not_replaced(tmp_path, content):
    path = tmp_path / "keys.json"
    path.write_text(content)
    with pytest.raises(PersonalDataError, match="cannot be read"):
        Vault.open(Privacy(), path)
    assert path.read_text() == content


def test_a_rotation_seals_everything_anew_and_old_hashes_still_hold(world):
    world.in_country("nl")
    orders = [world.port(world.number(place)) for place in range(3)]
    both = Vault({"1": bytes(32), "2": NEW}, "2")
    assert rotation.rotate(world.database, both, SYSTEM) == 6
    assert rotation.rotate(world.database, both, SYSTEM) == 0
    only_new = Vault({"2": NEW}, "2")
    with world.database.reading() as connection:
        names = connection.execute(select(APPLICANTS.c.name).order_by(APPLICANTS.c.order_id)).scalars().all()
        identity = connection.execute(select(APPLICANTS.c.identity)).scalars().first()
    assert [only_new.unseal(name, applicant_context(order.id)) for name, order in zip(names, orders, strict=True)] == [
        NAME
    ] * 3
    assert both.is_identity(CLAIM.identity, identity)
    assert rotation.uses(world.database, both) == {"1": 6, "2": 6}


def test_a_rotation_knows_everything_that_is_sealed():
    """A new column of bytes must be one that is rotated, or be told here why it is not."""
    never_sealed = {"digest", "details_digest", "salt", "signature", "image"}
    bytes_columns = {
        column
        for table in METADATA.sorted_tables
        for column in table.columns
        if isinstance(column.type, LargeBinary) and column.name not in never_sealed
    }
    kept_for_a_day = {REQUESTS.c.answer}
    assert bytes_columns - kept_for_a_day == {sealed.column for sealed in rotation._SEALED}


def test_what_is_bound_to_two_columns_is_sealed_anew_too(world):
    with world.database.transaction() as tx:
        added, _ = webhooks.add(tx, world.vault, CENTRE, "BETA", "https://beta.invalid/")
    both = Vault({"1": bytes(32), "2": NEW}, "2")
    assert rotation.rotate(world.database, both, SYSTEM) == 1
    with world.database.reading() as connection:
        secret = connection.execute(select(WEBHOOKS.c.secret).where(WEBHOOKS.c.id == added.id)).scalar_one()
    assert Vault({"2": NEW}, "2").unseal(secret, webhooks.secret_context("BETA", "https://beta.invalid/"))
