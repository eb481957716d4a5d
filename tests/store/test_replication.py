"""A commit is acknowledged when so many replicas have it, or not at all."""

from __future__ import annotations

import os
import signal
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from proxy.errors import StoreUnavailable
from proxy.settings import load
from proxy.store.connection import Command, Store
from proxy.store.inspection import of_replicas
from proxy.store.replication import replicated
from tests.support.redis_group import Member
from tests.support.service import CANARY
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.settings import Settings


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Member, Member]]:
    with Member() as master, Member("--replicaof", "127.0.0.1", str(master.port)) as replica:
        wait_until(lambda: replica.follows, "the replica to follow")
        yield master, replica


@contextmanager
def opened(master: Member, replicas: int) -> Iterator[tuple[Settings, Store]]:
    settings = load(
        {
            "REDIS_URL": master.url,
            "OPENAI_API_KEY": CANARY,
            "PROXY_REDIS_WAIT_REPLICAS": str(replicas),
            "PROXY_REDIS_TIMEOUT": "4",
        }
    )
    with closing(Store(settings)) as store:
        yield settings, store


def put(key: str) -> Command[bool]:
    return Command(("SET", key, "here"), bool)


def test_what_is_acknowledged_is_on_the_replica(pair: tuple[Member, Member]) -> None:
    master, replica = pair
    with opened(master, 1) as (settings, store):
        for number in range(50):
            store.run_all(put(f"cp:{number}"), *replicated(settings))
            assert replica.ask("GET", f"cp:{number}") == b"here"


def test_too_few_replicas_are_told_and_the_master_has_it(pair: tuple[Member, Member]) -> None:
    master, replica = pair
    os.kill(replica.pid, signal.SIGSTOP)
    try:
        with opened(master, 1) as (settings, store), pytest.raises(StoreUnavailable) as told:
            store.run_all(put("cp:late"), *replicated(settings))
        assert told.value.retry_after == 1
        assert not store.outage.lasts
    finally:
        os.kill(replica.pid, signal.SIGCONT)
    assert master.ask("GET", "cp:late") == b"here"


def test_nothing_is_waited_for_unless_it_is_set(pair: tuple[Member, Member]) -> None:
    with opened(pair[0], 0) as (settings, _):
        assert replicated(settings) == []


@pytest.mark.parametrize(("wanted", "found"), [(0, []), (1, []), (2, ["wrong"])])
def test_fewer_replicas_than_are_waited_for_are_found(
    pair: tuple[Member, Member], wanted: int, found: list[str]
) -> None:
    with opened(pair[0], wanted) as (settings, store):
        assert [finding.state for finding in of_replicas(store, settings)] == found
