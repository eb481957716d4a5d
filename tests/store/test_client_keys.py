"""Client keys: what is kept of them, and what opens them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.limits import Limits
from proxy.store import client_keys, keyspace
from proxy.store.client_keys import ClientKey
from tests.store.samples import hash_of, ttl_ms

if TYPE_CHECKING:
    from proxy.store.connection import Store

NOW = 1_750_000_000
SECRET = client_keys.new_secret()
LIMITS = Limits(0, 5, 1, 2, 0.1, "day", shadow=True)
KEY = ClientKey("abc", "Ada", client_keys.hashed(SECRET), NOW)


def new_key(store: Store, **fields: object) -> ClientKey:
    """A key that is kept, whose secret is SECRET."""
    key = replace(KEY, id=client_keys.new_id(), **fields)  # type: ignore[arg-type]
    store.run_all(*client_keys.create(key))
    return key


def find(store: Store, key: ClientKey) -> ClientKey:
    found = store.run(client_keys.find(key.id))
    assert found is not None
    return found


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"name": "Ada & Grüße", "limits": LIMITS, "team": "t", "models": ("a", "b")},
        {"expires_at": NOW + 1, "revoked_at": NOW + 2},
    ],
)
def test_a_key_is_found_as_it_was_made(store: Store, fields: dict[str, object]) -> None:
    key = new_key(store, **fields)
    assert find(store, key) == key


def test_where_there_is_no_key_none_is_found(store: Store) -> None:
    assert store.run(client_keys.find("nobody")) is None


def test_keys_are_permanent_and_listed_oldest_first(store: Store) -> None:
    newer, older = (new_key(store, created_at=NOW + seconds).id for seconds in (9, 3))
    assert [key_id for key_id in store.run(client_keys.ids()) if key_id in {older, newer}] == [
        older,
        newer,
    ]
    assert ttl_ms(store, keyspace.client_key(older)) == ttl_ms(store, keyspace.client_keys()) == -1


def test_nothing_that_is_kept_opens_a_key(store: Store) -> None:
    key = new_key(store)
    kept = hash_of(store, keyspace.client_key(key.id))
    assert SECRET not in str(kept)
    assert not any(key.opens_with(value, NOW) for value in kept.values())


@pytest.mark.parametrize(
    "secret",
    ["", "x", SECRET[:-1], SECRET + "x", SECRET.swapcase(), "ß"],
    ids=["empty", "short", "cut", "longer", "swapped", "other"],
)
def test_only_its_secret_opens_a_key(secret: str) -> None:
    assert KEY.opens_with(SECRET, NOW)
    assert not KEY.opens_with(secret, NOW)


def test_a_rotated_key_opens_with_both_secrets_until_the_overlap_ends(store: Store) -> None:
    key = new_key(store)
    store.run(client_keys.rotate(key, "new secret", NOW + 60))
    rotated = find(store, key)
    assert [rotated.opens_with("new secret", NOW + after) for after in (0, 59, 60)] == [True] * 3
    assert [rotated.opens_with(SECRET, NOW + after) for after in (0, 59, 60)] == [True, True, False]


def test_a_revoked_key_opens_with_no_secret(store: Store) -> None:
    key = new_key(store)
    store.run(client_keys.rotate(key, "new secret", NOW + 60))
    store.run(client_keys.revoke(key.id, NOW))
    revoked = find(store, key)
    assert not revoked.opens_with("new secret", NOW)
    assert not revoked.opens_with(SECRET, NOW)
    assert revoked.state(NOW) == "revoked"


def test_a_change_writes_its_fields_and_no_others(store: Store) -> None:
    key = new_key(store, limits=LIMITS)
    stale = replace(key, name="Bob", team="t", limits=replace(LIMITS, rpm=7, tpm=7))
    store.run(client_keys.change(stale, ["name", "rpm"]))
    assert find(store, key) == replace(key, name="Bob", limits=replace(LIMITS, rpm=7))


def test_a_change_does_not_undo_what_happened_since_the_key_was_read(store: Store) -> None:
    key = new_key(store)
    store.run(client_keys.revoke(key.id, NOW))
    store.run(client_keys.rotate(key, "new secret", NOW + 60))
    store.run(client_keys.change(replace(key, team="t"), ["team"]))
    changed = find(store, key)
    assert (changed.revoked_at, changed.team) == (NOW, "t")
    assert changed.hash == client_keys.hashed("new secret")


def test_a_key_ends_the_moment_it_expires() -> None:
    key = replace(KEY, expires_at=NOW + 10)
    assert [key.opens_with(SECRET, NOW + after) for after in (9, 10)] == [True, False]
    assert [key.state(NOW + after) for after in (9, 10)] == ["active", "expired"]


def test_what_a_client_sends_is_split_into_what_it_was_made_of() -> None:
    for _ in range(100):
        parts = client_keys.new_id(), client_keys.new_secret()
        assert client_keys.split(client_keys.token(*parts)) == parts


@pytest.mark.parametrize(
    "token",
    [
        "",
        "sk-abc-def",
        "sk-proxy-",
        "sk-proxy-abc",
        "sk-proxy-abc-",
        "sk-proxy--secret",
        "sk-proxy-a:b-secret",
        "sk-proxy-ä-secret",
        f"sk-proxy-{'a' * 33}-secret",
    ],
)
def test_what_is_no_client_key_names_none(token: str) -> None:
    assert client_keys.split(token) is None


@given(st.text())
def test_no_text_that_a_client_sends_reaches_another_key_of_redis(text: str) -> None:
    parts = client_keys.split(client_keys.PREFIX + text)
    assert parts is None or parts[0].isalnum()
