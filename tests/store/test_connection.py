"""The connection to Redis: one round trip a call, no reply of another's, and no waiting."""

from __future__ import annotations

import os
import signal
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from proxy.domain.identifiers import new_turn_id
from proxy.errors import StoreUnavailable
from proxy.settings import load
from proxy.store.buckets import peek, reserve
from proxy.store.connection import Command, Store, ping
from tests.store.samples import new_bucket
from tests.support.fault_proxy import FaultProxy
from tests.support.service import CANARY, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.redis_server import RedisServer

SLOW_MACHINE_S = 2.0
"""What a busy machine may take longer; tests/faults/test_redis_soak.py holds the strict figure."""


@contextmanager
def opened(url: str) -> Iterator[Store]:
    """A store of a test's own."""
    with closing(Store(load({"REDIS_URL": url, "OPENAI_API_KEY": CANARY}))) as store:
        yield store


def echo(text: str) -> Command[str]:
    return Command(("ECHO", text), lambda reply: str(reply.decode()))


def said(*words: str) -> Command[None]:
    return Command(words, lambda _: None)


def seconds_until_refused(store: Store) -> float:
    started = time.monotonic()
    with pytest.raises(StoreUnavailable):
        store.run(ping())
    return time.monotonic() - started


def test_several_commands_are_one_round_trip(redis_server: RedisServer) -> None:
    with FaultProxy(redis_server.admin_url) as proxy, opened(proxy.url) as store:
        store.run(ping())
        before = proxy.round_trips
        assert store.run_all(*map(echo, "abc")) == ["a", "b", "c"]
        assert proxy.round_trips == before + 1


def test_connections_are_used_again(redis_server: RedisServer) -> None:
    with FaultProxy(redis_server.url) as proxy, opened(proxy.url) as store:
        for _ in range(5):
            store.run(ping())
        assert proxy.connections == 1


def test_scripts_that_redis_forgot_are_loaded_and_run_once(
    store: Store, redis_admin: Store
) -> None:
    bucket = new_bucket(1, 10)
    redis_admin.run(said("SCRIPT", "FLUSH"))
    took, looked = store.run_all(
        reserve(new_turn_id(), [bucket], {"requests": 3}), peek([bucket], {})
    )
    assert took.granted
    assert looked.balances[0].remaining == 7


def test_an_error_reply_spoils_its_batch_and_no_other(redis_admin: Store) -> None:
    wrong = said("LPUSH", "cp:text", "x")
    redis_admin.run(said("SET", "cp:text", "x"))
    with pytest.raises(StoreUnavailable):
        redis_admin.run_all(echo("before"), wrong, echo("after"))
    assert redis_admin.run(echo("mine")) == "mine"


def test_a_reply_that_came_too_late_reaches_nobody(redis_server: RedisServer) -> None:
    with FaultProxy(redis_server.admin_url) as proxy, opened(proxy.url) as store:
        store.run(ping())
        proxy.latency_s = 0.7
        with pytest.raises(StoreUnavailable):
            store.run(echo("Ada's secret"))
        proxy.latency_s = 0
        assert [store.run(echo(text)) for text in "abc"] == ["a", "b", "c"]
        assert proxy.connections == 2


def test_a_lost_reply_is_told_and_its_command_ran_once(redis_server: RedisServer) -> None:
    with FaultProxy(redis_server.admin_url) as proxy, opened(proxy.url) as store:
        key = f"cp:{new_turn_id()}"
        store.run(ping())
        proxy.swallow()
        with pytest.raises(StoreUnavailable):
            store.run(said("INCR", key))
        assert store.run(Command(("GET", key), int)) == 1


@pytest.mark.parametrize("size", [0, 1, 5])
def test_a_reply_that_is_cut_is_told(redis_server: RedisServer, size: int) -> None:
    with FaultProxy(redis_server.admin_url) as proxy, opened(proxy.url) as store:
        store.run(ping())
        proxy.cut_after = size
        with pytest.raises(StoreUnavailable):
            store.run(echo("a text"))
        proxy.cut_after = None
        assert store.run(echo("a text")) == "a text"


def test_where_nothing_listens_it_is_told_within_600_ms() -> None:
    with opened(f"redis://127.0.0.1:{free_port()}") as store:
        assert seconds_until_refused(store) < 0.6


@pytest.mark.parametrize("connected_before", [True, False])
def test_a_redis_that_hangs_is_told_soon(own_redis: RedisServer, connected_before: bool) -> None:
    with opened(own_redis.url) as store:
        if connected_before:
            store.run(ping())
        os.kill(own_redis.pid, signal.SIGSTOP)
        assert seconds_until_refused(store) < 1.1 + SLOW_MACHINE_S
        os.kill(own_redis.pid, signal.SIGCONT)
        assert store.run(ping())


def test_a_way_to_redis_that_swallows_all_is_told_soon(
    redis_server: RedisServer,
) -> None:
    with FaultProxy(redis_server.url) as proxy, opened(proxy.url) as store:
        proxy.blackhole = True
        assert seconds_until_refused(store) < 1.1 + SLOW_MACHINE_S


def test_a_redis_that_comes_back_is_used_at_once(own_redis: RedisServer) -> None:
    with opened(own_redis.url) as store:
        store.run(ping())
        own_redis.kill()
        with pytest.raises(StoreUnavailable):
            store.run(ping())
        own_redis.start()
        assert store.run(ping())


@pytest.mark.parametrize(
    "setting",
    [
        ("CONFIG", "SET", "maxmemory", "1"),
        ("REPLICAOF", "127.0.0.1", "1"),
        ("ACL", "SETUSER", "{user}", "resetpass", ">secret"),
        ("CONFIG", "SET", "maxclients", "1"),
    ],
    ids=["out of memory", "read only", "no password", "too many clients"],
)
def test_a_redis_that_refuses_is_one_that_is_gone(
    own_redis: RedisServer, setting: tuple[str, ...]
) -> None:
    with own_redis.admin() as admin, opened(own_redis.url) as store:
        admin.run(said(*(word.format(user=own_redis.user) for word in setting)))
        with pytest.raises(StoreUnavailable):
            store.run(reserve(new_turn_id(), [new_bucket(1, 1)], {"requests": 1}))
        admin.run(said("CONFIG", "SET", "maxclients", "100"))
