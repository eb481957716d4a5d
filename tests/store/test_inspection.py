"""What Redis tells of itself, and what of it is wrong."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from proxy.settings import load
from proxy.store.connection import Command, Store
from proxy.store.inspection import Finding, examine, of_way, wrong
from tests.support.service import CANARY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.embedded import EmbeddedRedis


@pytest.fixture
def operator(own_redis: EmbeddedRedis) -> Iterator[Store]:
    settings = load({"REDIS_URL": own_redis.url, "OPENAI_API_KEY": CANARY})
    with closing(Store(settings)) as store:
        yield store


def test_a_redis_as_it_should_be_is_ok_and_has_its_version_told(operator: Store) -> None:
    operator.run(Command(("CONFIG", "SET", "appendonly", "yes"), bool))
    (version,) = examine(operator)
    assert version.state == "ok"
    assert version.told.endswith("; 6.2 or later is needed")
    assert wrong(operator) is None


def test_no_file_is_a_warning_and_keeps_nobody_out(operator: Store) -> None:
    found = Finding("warning", "a crash loses turns: set appendonly yes")
    assert examine(operator)[1:] == [found]
    assert wrong(operator) is None


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("CONFIG SET maxmemory-policy volatile-ttl", "it may drop sessions (volatile-ttl)"),
        ("CONFIG SET maxmemory 1", "its memory is full"),
        ("REPLICAOF 127.0.0.1 1", "it is a replica"),
    ],
)
def test_what_is_wrong_is_named(operator: Store, command: str, told: str) -> None:
    operator.run(Command(tuple(command.split()), bool))
    reason = wrong(operator)
    assert reason is not None
    assert reason.message.startswith(f"Redis is not fit: {told}")


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
