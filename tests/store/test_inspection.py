"""What Redis tells of itself, and what of it is wrong."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from proxy.errors import StoreUnavailable
from proxy.settings import load
from proxy.store.connection import Store
from proxy.store.inspection import UNSEEN, Finding, examine, of_way, readiness
from tests.support.service import CANARY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.redis_server import RedisServer


@pytest.fixture
def own_store(own_redis: RedisServer) -> Iterator[Store]:
    settings = load({"REDIS_URL": own_redis.url, "OPENAI_API_KEY": CANARY})
    with closing(Store(settings)) as store:
        yield store


def test_a_redis_as_it_should_be_is_ok_and_has_its_version_told(
    own_redis: RedisServer, own_store: Store
) -> None:
    own_redis.tell("CONFIG", "SET", "appendonly", "yes")
    (version,) = examine(own_store)
    assert version.state == "ok"
    assert version.told.endswith("; 6.2 or later is needed")
    assert readiness(own_store) == "ok"


def test_no_file_is_a_warning_and_keeps_nobody_out(own_store: Store) -> None:
    found = Finding("warning", "a crash loses turns: set appendonly yes")
    assert examine(own_store)[1:] == [found]
    assert readiness(own_store) == "ok"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("CONFIG SET maxmemory-policy volatile-ttl", "it may drop sessions (volatile-ttl)"),
        ("CONFIG SET maxmemory 1", "its memory is full"),
        ("REPLICAOF 127.0.0.1 1", "it is a replica"),
    ],
)
def test_what_is_wrong_is_named(
    own_redis: RedisServer, own_store: Store, command: str, told: str
) -> None:
    own_redis.tell(*command.split())
    with pytest.raises(StoreUnavailable, match=re.escape(f"Redis is not fit: {told}")):
        readiness(own_store)


def test_a_redis_that_may_not_be_looked_at_says_so_and_is_worked_with(
    own_redis: RedisServer, own_store: Store
) -> None:
    own_redis.tell("ACL", "SETUSER", own_redis.user, "-info")
    assert examine(own_store) == [Finding("warning", UNSEEN)]
    assert readiness(own_store) == UNSEEN
    own_redis.forget_refusals()


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("redis://redis.example:6379/0", False),
        ("redis://:secret@redis.example:6379/0", True),
        ("redis://127.0.0.1:6379/0", True),
        ("unix:///tmp/redis.sock?db=0", True),
    ],
)
def test_a_redis_on_another_host_should_have_a_password(url: str, safe: bool) -> None:
    settings = load({"REDIS_URL": url, "OPENAI_API_KEY": CANARY})
    assert (of_way(settings) == []) is safe
