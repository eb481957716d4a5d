"""The keys: a script touches those it declares and no other, and they share a cluster slot."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import redis

from proxy.domain.conversation import Session
from proxy.domain.identifiers import new_session_id, new_turn_id
from proxy.domain.upstream_limits import Told, UpstreamLimits
from proxy.store import buckets, keyspace, learned, session_list, sessions
from proxy.store.connection import Command
from tests.store.samples import FIELDS, OWNER, new_bucket, new_session, new_turn, open_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from proxy.embedded import EmbeddedRedis
    from proxy.store.connection import Store

SEVERAL_KEYS = {"DEL"}
NO_KEY = {"TIME"}
BUCKETS = (new_bucket(60, 10), new_bucket(600, 100, "tokens"))
COSTS = {"requests": 1, "tokens": 5}


@pytest.fixture
def watch(
    redis_server: EmbeddedRedis, store: Store
) -> Iterator[Callable[[Command[Any]], set[str]]]:
    """Runs a command and answers the keys that its script touched, as Redis tells them."""
    client = redis.Redis.from_url(redis_server.url)
    with closing(client), client.monitor() as monitor:  # type: ignore[no-untyped-call]

        def run(command: Command[Any]) -> set[str]:
            begin, end = (Command(("ECHO", new_turn_id()), bytes.decode) for _ in range(2))
            store.run_all(begin, command, end)
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


def declared(command: Command[Any]) -> list[str]:
    _, _, count, *rest = command.arguments
    return [str(key) for key in rest[: int(count)]]


def _begun(_: Store) -> Command[Any]:
    return sessions.begin(new_session_id(), OWNER, FIELDS, new_turn_id(), 1000)


def _created(_: Store) -> Command[Any]:
    return sessions.create(new_session_id(), OWNER, FIELDS, [new_turn()])


def _opened(store: Store) -> Command[Any]:
    return sessions.open_turn(
        new_session(store, new_turn(), new_turn()),
        OWNER,
        new_turn_id(),
        1000,
        window=1000,
        named_window=None,
        anew=True,
    )


def _committed(store: Store) -> Command[Any]:
    turn = new_turn()
    opened = open_for(store, new_session(store, new_turn()), turn, anew=True)
    replaced = opened.replaced
    assert replaced
    return sessions.commit(opened, turn, "Title", replaced.id, {"system": "Be kind."})


def _renewed(store: Store) -> Command[Any]:
    turn = new_turn()
    return sessions.renew(open_for(store, new_session(store), turn).session.id, turn.id, 1000)


def _released(store: Store) -> Command[Any]:
    session_id, turn_id = new_session_id(), new_turn_id()
    store.run(sessions.begin(session_id, OWNER, FIELDS, turn_id, 1000))
    return sessions.release(session_id, turn_id)


def _listed(_: Store) -> Command[Any]:
    session = Session(new_session_id(), OWNER, ttl=60)
    return session_list.enlist(session, turn_count=1, title="Title", replace=False)


def _settled(store: Store) -> Command[Any]:
    turn_id = new_turn_id()
    store.run(buckets.reserve(turn_id, BUCKETS, COSTS))
    return buckets.settle(turn_id, BUCKETS, {})


SCRIPTS: dict[str, Callable[[Store], Command[Any]]] = {
    "begin": _begun,
    "create": _created,
    "open": _opened,
    "commit": _committed,
    "renew": _renewed,
    "release": _released,
    "read": lambda store: sessions.read(new_session(store, new_turn()), OWNER),
    "patch": lambda store: sessions.patch(new_session(store), OWNER, {"title": "New"}),
    "undo": lambda store: sessions.undo(new_session(store, new_turn()), OWNER, new_turn_id()),
    "delete": lambda store: sessions.delete(new_session(store, new_turn()), OWNER, new_turn_id()),
    "list_session": _listed,
    "list": lambda _: session_list.page(OWNER, limit=5, cursor=None, query="t"),
    "reserve": lambda _: buckets.reserve(new_turn_id(), BUCKETS, COSTS),
    "settle": _settled,
    "peek": lambda _: buckets.peek(BUCKETS, COSTS),
    "learn": lambda _: learned.learn(new_turn_id(), UpstreamLimits(Told(10, 5, 10.0)), 0.9, 1.0),
}


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


@pytest.mark.parametrize(
    "keys",
    [
        keyspace.session(new_session_id()),
        keyspace.session_list(OWNER),
        [keyspace.reservation(new_turn_id()), *map(keyspace.limits, BUCKETS)],
    ],
    ids=["session", "list", "limits"],
)
def test_keys_of_one_script_share_a_cluster_slot(keys: list[str]) -> None:
    assert len({key.partition("{")[2].partition("}")[0] for key in keys}) == 1


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
