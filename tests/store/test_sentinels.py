"""Redis behind Sentinel: the master is found, lost and found, and nobody else taken for it."""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from proxy.domain.identifiers import new_turn_id
from proxy.errors import StoreUnavailable
from proxy.settings import load
from proxy.store.connection import Command, Store, ping
from tests.support.redis_group import SERVICE, Member, Sentinel, asked
from tests.support.redis_server import as_service
from tests.support.service import CANARY, free_port
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def started() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def master(started: ExitStack) -> Member:
    return started.enter_context(Member())


@pytest.fixture
def promoted(started: ExitStack) -> Member:
    """Another server that is a master."""
    return started.enter_context(Member())


@pytest.fixture
def sentinel(started: ExitStack, master: Member) -> Sentinel:
    return started.enter_context(Sentinel(master, down_after_ms=60_000))


@contextmanager
def opened(*ports: int, service: str = SERVICE, **settings: str) -> Iterator[Store]:
    places = ",".join(f"127.0.0.1:{port}" for port in ports)
    url = as_service(f"redis+sentinel://{places}/{service}")
    needed = {"REDIS_URL": url, "OPENAI_API_KEY": CANARY}
    with closing(Store(load(needed | settings))) as store:
        yield store


def put(store: Store, key: str) -> bool:
    """Whether a write is taken."""
    with suppress(StoreUnavailable):
        return store.run(Command(("SET", key, "here"), bool))
    return False


def point_to(sentinel: Sentinel, master: Member) -> None:
    """Let a sentinel call another server the master."""
    asked(sentinel.port, "SENTINEL", "REMOVE", SERVICE)
    asked(sentinel.port, "SENTINEL", "MONITOR", SERVICE, "127.0.0.1", master.port, 1)


def test_one_sentinel_that_answers_is_enough(master: Member, sentinel: Sentinel) -> None:
    with opened(free_port(), sentinel.port, free_port()) as store:
        assert put(store, "cp:a")
    assert master.ask("GET", "cp:a") == b"here"


def test_sentinels_that_are_gone_while_the_master_is_well_are_not_missed(
    master: Member, sentinel: Sentinel
) -> None:
    with opened(sentinel.port) as store:
        assert store.run(ping())
        sentinel.__exit__()
        master.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        assert [store.run(ping()) for _ in range(3)] == [True] * 3


def test_a_master_that_nobody_knows_is_told() -> None:
    with opened(free_port(), free_port()) as store, pytest.raises(StoreUnavailable):
        store.run(ping())


def test_a_service_that_the_sentinels_do_not_know_is_told(sentinel: Sentinel) -> None:
    with opened(sentinel.port, service="others") as store, pytest.raises(StoreUnavailable):
        store.run(ping())


def test_a_replica_that_a_sentinel_calls_the_master_is_not_taken_for_it(
    started: ExitStack, master: Member, sentinel: Sentinel
) -> None:
    replica = started.enter_context(Member("--replicaof", "127.0.0.1", str(master.port)))
    mistaken = started.enter_context(Sentinel(replica, down_after_ms=60_000))
    with opened(mistaken.port, sentinel.port) as store:
        assert put(store, "cp:b")
    with opened(mistaken.port) as store, pytest.raises(StoreUnavailable):
        store.run(ping())


def test_a_former_master_that_is_up_again_is_not_taken_for_it_by_old_news(
    started: ExitStack, master: Member, promoted: Member, sentinel: Sentinel
) -> None:
    newer = started.enter_context(Sentinel(promoted, down_after_ms=60_000, epoch=7))
    with opened(sentinel.port, newer.port, sentinel.port) as store:
        assert put(store, "cp:f")
    assert (master.ask("GET", "cp:f"), promoted.ask("GET", "cp:f")) == (None, b"here")


def test_who_missed_the_failover_does_not_come_back_to_the_former_master(
    master: Member, promoted: Member, sentinel: Sentinel
) -> None:
    with opened(sentinel.port) as store:
        assert put(store, "cp:i")
        point_to(sentinel, promoted)

        def found() -> bool:
            master.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            return put(store, "cp:i") and promoted.ask("GET", "cp:i") == b"here"

        wait_until(found, "the other to be found")


def test_who_was_idle_during_the_failover_has_no_question_refused(
    master: Member, promoted: Member, sentinel: Sentinel
) -> None:
    with opened(sentinel.port) as store:
        assert put(store, "cp:i")
        point_to(sentinel, promoted)
        master.kill()
        master.start()
        time.sleep(0.3)  # news that are older than what counts as fresh
        assert put(store, "cp:j")
    assert (master.ask("GET", "cp:j"), promoted.ask("GET", "cp:j")) == (None, b"here")


def test_a_former_master_is_left_while_the_new_one_cannot_be_asked_yet(
    started: ExitStack, master: Member, promoted: Member, sentinel: Sentinel
) -> None:
    with opened(sentinel.port) as store:
        assert put(store, "cp:k")
        sentinel.__exit__()
        newer = Sentinel(promoted, down_after_ms=60_000, epoch=7, port=sentinel.port)
        started.enter_context(newer)
        promoted.kill()
        master.kill()
        master.start()
        time.sleep(0.3)
        assert [put(store, "cp:l") for _ in range(3)] == [False] * 3
        assert master.ask("GET", "cp:l") is None
        promoted.start()
        wait_until(lambda: put(store, "cp:l"), "the new master to be asked")
    assert promoted.ask("GET", "cp:l") == b"here"


def test_a_master_whose_replicas_are_gone_is_asked_for_anew(
    master: Member, promoted: Member, sentinel: Sentinel
) -> None:
    with opened(sentinel.port) as store:
        assert put(store, "cp:g")
        point_to(sentinel, promoted)
        assert put(store, "cp:g")
        store.run(Command(("WAIT", 1, 1), int))
        assert put(store, "cp:h")
    assert (master.ask("GET", "cp:h"), promoted.ask("GET", "cp:h")) == (None, b"here")


def test_a_sentinel_wants_its_own_password(master: Member, sentinel: Sentinel) -> None:
    asked(sentinel.port, "ACL", "SETUSER", "default", "resetpass", ">of-the-sentinels")
    with opened(sentinel.port, PROXY_REDIS_SENTINEL_PASSWORD="of-the-sentinels") as store:
        assert put(store, "cp:c")
    with opened(sentinel.port) as store, pytest.raises(StoreUnavailable):
        store.run(ping())


def test_a_master_that_has_become_a_replica_is_left_for_the_new_one(
    started: ExitStack, master: Member, sentinel: Sentinel
) -> None:
    other = started.enter_context(Member("--replicaof", "127.0.0.1", str(master.port)))
    wait_until(lambda: other.follows, "the replica to follow")
    with opened(sentinel.port) as store:
        assert put(store, "cp:d")
        other.ask("REPLICAOF", "NO", "ONE")
        master.ask("REPLICAOF", "127.0.0.1", other.port)
        assert not put(store, "cp:e")  # READONLY
        point_to(sentinel, other)
        assert put(store, "cp:e")
    assert other.ask("GET", "cp:e") == b"here"


def test_a_master_that_hangs_is_an_outage_until_there_is_another(
    started: ExitStack, master: Member
) -> None:
    other = started.enter_context(Member("--replicaof", "127.0.0.1", str(master.port)))
    wait_until(lambda: other.follows, "the replica to follow")
    sentinel = started.enter_context(Sentinel(master, down_after_ms=500, quorum=1))
    with opened(sentinel.port, PROXY_REDIS_BREAKER_FAILURES="2") as store:
        key = f"cp:{new_turn_id()}"
        assert put(store, key)
        wait_until(lambda: other.ask("GET", key) == b"here", "the replica to have it")
        os.kill(master.pid, signal.SIGSTOP)
        wait_until(lambda: not put(store, key) and store.outage.lasts, "the outage to be known")
        wait_until(lambda: put(store, key), "the other to take writes", seconds=60)
        assert sentinel.master == other.port
        assert not store.outage.lasts
