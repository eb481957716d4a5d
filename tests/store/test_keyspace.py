"""The keys: a script touches those it declares and no other, and they share a cluster slot."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import redis
from redis.crc import key_slot

from proxy.domain.identifiers import new_turn_id
from proxy.store import keyspace
from proxy.store.cluster import key_of
from proxy.store.connection import Command
from tests.store.scripts import BUCKETS, SCRIPTS, declared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from proxy.store.connection import Store
    from tests.support.redis_server import RedisServer

SEVERAL_KEYS = {"DEL"}
NO_KEY = {"TIME"}


@pytest.fixture
def watch(
    redis_server: RedisServer, redis_admin: Store
) -> Iterator[Callable[[Command[Any]], set[str]]]:
    """Runs a command and answers the keys that its script touched, as Redis tells them."""
    client = redis.Redis.from_url(redis_server.admin_url, protocol=2)
    with closing(client), client.monitor() as monitor:  # type: ignore[no-untyped-call]

        def run(command: Command[Any]) -> set[str]:
            begin, end = (Command(("ECHO", new_turn_id()), bytes.decode) for _ in range(2))
            redis_admin.run_all(begin, command, end)
            while begin.arguments[1] not in monitor.next_command()["command"]:
                pass
            touched: set[str] = set()
            while end.arguments[1] not in (seen := monitor.next_command())["command"]:
                if seen["client_type"] == "lua":
                    touched |= _keys(seen["command"].split(" "))
            return touched

        yield run


def _keys(words: list[str]) -> set[str]:
    verb, *arguments = words
    if verb.upper() in NO_KEY:
        return set()
    return set(arguments if verb.upper() in SEVERAL_KEYS else arguments[:1])


@pytest.mark.parametrize("prepare", SCRIPTS.values(), ids=SCRIPTS)
def test_the_declared_keys_are_the_keys_touched(
    store: Store,
    watch: Callable[[Command[Any]], set[str]],
    prepare: Callable[[Store], Command[Any]],
) -> None:
    store.run(prepare(store))  # so that Redis knows the script, and the next run is the only one
    command = prepare(store)
    touched = watch(command)
    assert touched
    assert touched <= set(declared(command))


@pytest.mark.parametrize("prepare", SCRIPTS.values(), ids=SCRIPTS)
def test_the_keys_of_a_script_share_a_cluster_slot(
    store: Store, prepare: Callable[[Store], Command[Any]]
) -> None:
    command = prepare(store)
    keys = declared(command)
    assert {key_slot(key.encode()) for key in keys} == {
        key_slot(str(key_of(command.arguments)).encode())
    }


def test_no_two_things_share_a_key() -> None:
    keys = [
        *keyspace.session("s_x"),
        *keyspace.session_list("x"),
        keyspace.reservation("x"),
        *map(keyspace.limits, BUCKETS),
        keyspace.client_key("x"),
        keyspace.client_keys(),
    ]
    assert len(set(keys)) == len(keys)
    assert all(key.startswith("cp:") for key in keys)
