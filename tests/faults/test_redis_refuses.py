"""Redis answers and refuses: requests are refused before ChatGPT is asked, and the log says why."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.faults.fragile import refused
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.fragile import Fragile
    from tests.support.simulator import Control

REAL = {
    "OutOfMemoryError": (["CONFIG SET maxmemory 1"], ["CONFIG SET maxmemory 0"]),
    "ReadOnlyError": (["REPLICAOF 127.0.0.1 1"], ["REPLICAOF NO ONE"]),
    "NoPermissionError": (["ACL SETUSER {user} -evalsha"], ["ACL SETUSER {user} +evalsha"]),
}
WRAPPED = {"OutOfMemoryError": "OOM", "ReadOnlyError": "READONLY"}
"""How Redis 6.2 words the refusal of a command within a script."""
ON_THE_WAY = {
    "BusyLoadingError": "LOADING Redis is loading the dataset in memory",
    "ClusterDownError": "CLUSTERDOWN The cluster is down",
    "AuthenticationError": "NOAUTH Authentication required.",
}


@contextmanager
def refusing(fragile: Fragile, kind: str) -> Iterator[None]:
    """Redis refuses in this way."""
    before, after = REAL.get(kind, ([], []))
    for command in before:
        fragile.tell(*command.format(user=fragile.redis.user).split())
    fragile.way.refusal = ON_THE_WAY.get(kind, "")
    try:
        yield
    finally:
        fragile.way.refusal = ""
        for command in after:
            fragile.tell(*command.format(user=fragile.redis.user).split())
        fragile.redis.forget_refusals()
        fragile.ready()


def lines(fragile: Fragile, kind: str) -> int:
    """How often the log tells of this refusal."""
    told = [json.loads(line) for line in fragile.service.log.splitlines() if line.startswith("{")]
    named = {("redis", kind), (f"redis {WRAPPED.get(kind)}", "ResponseError")}
    return sum((line.get("what"), line.get("error")) in named for line in told)


@pytest.mark.parametrize("kind", [*REAL, *ON_THE_WAY])
def test_a_turn_is_refused_and_chatgpt_is_not_asked(
    fragile: Fragile, chatgpt: Control, kind: str
) -> None:
    caller = fragile.service.client()
    session_id = caller.chat("before").json()["session_id"]
    with refusing(fragile, kind):
        for _ in range(10):
            assert refused(caller.chat("lost", session_id=session_id))
        assert 1 <= lines(fragile, kind) <= 10
    assert chatgpt.stats()["requests"] == 1
    wait_until(lambda: caller.chat("after", session_id=session_id).ok, "the session to be free")
    turns = caller.get(f"/sessions/{session_id}").json()["turns"]
    assert [turn["message"] for turn in turns] == ["before", "after"]


@pytest.mark.parametrize("kind", [*REAL])
def test_the_log_says_so_once_a_minute(fragile: Fragile, chatgpt: Control, kind: str) -> None:
    caller = fragile.service.client()
    with refusing(fragile, kind):
        for _ in range(20):
            assert refused(caller.chat())
    assert lines(fragile, kind) == 1


def test_too_many_clients_are_an_outage(fragile: Fragile, chatgpt: Control) -> None:
    caller = fragile.service.client()
    fragile.tell("CONFIG", "SET", "maxclients", "1")
    fragile.way.reset()
    try:
        wait_until(lambda: refused(caller.chat()), "a refusal")
        assert chatgpt.stats()["requests"] == 0
    finally:
        fragile.tell("CONFIG", "SET", "maxclients", "10000")
        fragile.ready()
    assert caller.chat().ok
