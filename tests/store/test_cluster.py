"""A Redis Cluster: each command finds its node, also while slots move and nodes hang or die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import pytest
from redis.crc import key_slot

from proxy.domain.identifiers import new_turn_id
from proxy.errors import StoreUnavailable
from proxy.settings import load
from proxy.store.connection import Command, Store, ping, time_us
from tests.store.scripts import SCRIPTS
from tests.support.redis_group import Clustered, Member
from tests.support.redis_server import ADMIN, GUARDED, as_service, with_user
from tests.support.service import CANARY, ROOT, free_port
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="module")
def group() -> Iterator[Clustered]:
    with Clustered() as started:
        yield started


def opened(url: str, **settings: str) -> closing[Store]:
    return closing(Store(load({"REDIS_URL": url, "OPENAI_API_KEY": CANARY} | settings)))


@pytest.fixture
def store(group: Clustered) -> Iterator[Store]:
    with opened(group.url) as store:
        yield store


@pytest.fixture
def patient(group: Clustered) -> Iterator[Store]:
    """Waits for replicas for longer than a caller would."""
    with opened(group.url, PROXY_REDIS_TIMEOUT="30") as store:
        yield store


def put(key: str, value: str = "here") -> Command[bool]:
    return Command(("SET", key, value), bool)


def got(key: str) -> Command[str]:
    return Command(("GET", key), lambda reply: str((reply or b"").decode()))


def works(store: Store, *commands: Command[Any]) -> bool:
    """Whether Redis takes these commands."""
    with suppress(StoreUnavailable):
        store.run_all(*commands)
        return True
    return False


def redirections(member: Member) -> int:
    """How often it sent a command on."""
    return int(member.ask("INFO", "errorstats").get("errorstat_MOVED", {"count": 0})["count"])


@pytest.mark.parametrize("prepare", SCRIPTS.values(), ids=SCRIPTS)
def test_no_script_crosses_slots(store: Store, prepare: Callable[[Store], Command[Any]]) -> None:
    store.run(prepare(store))


def test_replies_come_in_the_order_of_their_commands(store: Store) -> None:
    keys = [f"cp:{number}" for number in range(60)]
    store.run_all(*(put(key, key) for key in keys))
    told = store.run_all(ping(), *map(got, keys), time_us())
    assert told[1:-1] == keys


AT_ONCE = """
from gevent import monkey
monkey.patch_all()
import sys, time
from proxy.settings import load
from proxy.store.connection import Command, Store
url = {"REDIS_URL": sys.argv[1], "OPENAI_API_KEY": "sk-x"}
store = Store(load(url | {"PROXY_REDIS_TIMEOUT": "9"}))
store.run(Command(("GET", "cp:{a}"), str))
begun = time.monotonic()
store.run_all(*(Command(("BLPOP", key, 1), str) for key in sys.argv[2:]))
print(time.monotonic() - begun)
"""
"""As in a worker: waits a second at each node."""


def test_the_nodes_of_a_batch_are_asked_at_the_same_time(group: Clustered) -> None:
    keys = {group.owner(key).port: key for key in (f"cp:{{{n}}}:none" for n in range(60))}
    url = with_user(group.url, ADMIN) if GUARDED else group.url  # the service need not wait so
    command = [sys.executable, "-c", AT_ONCE, url, *keys.values()]
    took = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert len(keys) == 3
    assert 1 <= float(took) < 2.5


def test_keys_of_one_tag_are_on_one_node_and_others_are_spread(group: Clustered) -> None:
    assert len({group.owner(f"cp:{{s:x}}:{part}").port for part in range(20)}) == 1
    assert len({group.owner(f"cp:{{s:{part}}}:x").port for part in range(60)}) == 3


def test_one_node_that_answers_is_enough_to_find_the_others(group: Clustered) -> None:
    known = group.members[4].port
    url = as_service(f"redis+cluster://127.0.0.1:{free_port()},127.0.0.1:{known}")
    with opened(url) as store:
        assert store.run_all(*(put(f"cp:{number}") for number in range(20)))


def test_where_no_node_answers_it_is_told() -> None:
    with opened(f"redis+cluster://127.0.0.1:{free_port()}") as store:
        assert not works(store, ping())


def test_each_node_with_slots_can_be_asked(group: Clustered, store: Store) -> None:
    told = store.run_everywhere(ping())
    assert set(told) == {f"127.0.0.1:{group.owner(f'cp:{n}').port}" for n in range(60)}


def test_a_slot_that_moves_is_followed(group: Clustered, store: Store) -> None:
    key, other = (f"cp:{{{new_turn_id()}}}:{part}" for part in "ab")
    store.run_all(put(key), put("cp:elsewhere"))
    former = group.owner(key)
    target = next(one for one in group.members[:3] if one is not former)
    with group.moving(key, target):
        assert store.run_all(got(key), put(other, "new"), got(other)) == ["here", True, "new"]
        former.hand_over(key, target)
        assert store.run_all(got(key), got(other)) == ["here", "new"]
    assert group.owner(key) is target
    assert store.run_all(got(key), put(other, "newer"), got(other)) == ["here", True, "newer"]
    sent_on = redirections(former)
    assert store.run_all(got(key), got(other)) == ["here", "newer"]
    assert redirections(former) == sent_on


def test_a_script_whose_keys_are_on_the_way_is_refused_and_runs_after(
    group: Clustered, store: Store
) -> None:
    command = SCRIPTS["begin"](store)
    key = str(command.arguments[3])
    target = next(one for one in group.members[:3] if one is not group.owner(key))
    with group.moving(key, target):
        assert not works(store, command)
    assert works(store, command)


def test_one_node_that_hangs_is_an_outage_though_others_answer(group: Clustered) -> None:
    with opened(group.url, PROXY_REDIS_BREAKER_FAILURES="3") as store:
        key, elsewhere = "cp:{a}", "cp:{b}"
        hung = group.owner(key)
        assert group.owner(elsewhere) is not hung
        assert works(store, put(key), put(elsewhere))
        os.kill(hung.pid, signal.SIGSTOP)
        try:
            for _ in range(3):
                assert store.outage.lasts or works(store, put(elsewhere))
                assert not works(store, put(key))
            assert store.outage.lasts
            wait_until(lambda: works(store, put(key)), "its replica to take over", seconds=60)
        finally:
            os.kill(hung.pid, signal.SIGCONT)
        assert works(store, put(elsewhere))


def test_the_replicas_of_each_node_are_waited_for(group: Clustered, patient: Store) -> None:
    wait_until(lambda: group.sound and group.replicated, "each master to have a replica")
    least: Command[int] = Command(("WAIT", 1, 25_000), int)
    assert patient.run_all(put("cp:{a}"), put("cp:{b}"), least)[-1] == 1
    assert key_slot(b"cp:{a}") != key_slot(b"cp:{b}")
    replica = group.replica_of(group.owner("cp:{b}"))
    os.kill(replica.pid, signal.SIGSTOP)
    try:
        short: Command[int] = Command(("WAIT", 1, 50), int)
        assert patient.run_all(put("cp:{a}"), put("cp:{b}"), short)[-1] == 0
        assert patient.run_all(put("cp:{b}"), put("cp:{a}"), short)[-1] == 0
        assert patient.run_all(put("cp:{a}"), least)[-1] == 1
    finally:
        os.kill(replica.pid, signal.SIGCONT)
