"""Who gets what all share, over HTTP: turns by weight, not by who asks most."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.limits.sharing import NOTHING, RPM, asked_of, flows_waiting, set_level
from tests.support.keys import form_team, issue
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from proxy.embedded import EmbeddedRedis
    from proxy.store.connection import Store
    from tests.conftest import StartService
    from tests.support.service import Service
    from tests.support.simulator import Control

LIGHT = 9


@pytest.fixture
def shared(
    start_service: StartService, own_redis: EmbeddedRedis, own_store: Store, chatgpt: Control
) -> Service:
    """A service whose callers share ten requests a second, and have none now."""
    chatgpt.limits(None, None)
    set_level(own_store, NOTHING)
    return start_service(
        REDIS_URL=own_redis.url,
        WEB_CONCURRENCY="2",
        PROXY_UPSTREAM_RPM=str(RPM),
        PROXY_REDIS_TIMEOUT="30",
    )


def test_a_hundred_requests_of_one_caller_hold_up_no_other_for_two_rounds(
    shared: Service, own_store: Store, chatgpt: Control
) -> None:
    greedy = shared.client(issue(own_store, rpm=0, tpm=0)[1])
    others = [shared.client(issue(own_store, rpm=0, tpm=0)[1]) for _ in range(LIGHT)]
    with ThreadPoolExecutor(100 + LIGHT) as callers:
        many = [callers.submit(greedy.chat, "greedy", wait=60) for _ in range(100)]
        wait_until(lambda: flows_waiting(own_store) == 1, "the greedy caller to wait")
        few = [callers.submit(other.chat, "light", wait=60) for other in others]
        wait_until(lambda: flows_waiting(own_store) == 1 + LIGHT, "all callers to wait")
        set_level(own_store, 0)
        assert {answer.result().status_code for answer in few} == {200}
        set_level(own_store, RPM)
        assert {answer.result().status_code for answer in many} == {200}
    order = asked_of(chatgpt)
    assert order[: 2 * (1 + LIGHT)].count("light") == LIGHT, order


def test_teams_get_turns_by_their_weight_whichever_of_their_keys_asks(
    shared: Service, own_store: Store, chatgpt: Control
) -> None:
    teams = {"three": form_team(own_store, 3), "one": form_team(own_store, 1)}
    each = 30
    with ThreadPoolExecutor(4 * each) as callers:
        answers = [
            callers.submit(shared.client(token).chat, team, wait=60)
            for team, members in (("three", 3), ("one", 1))
            for token in [
                issue(own_store, team=teams[team], rpm=0, tpm=0)[1] for _ in range(members)
            ]
            for _ in range(each)
        ]
        wait_until(lambda: flows_waiting(own_store) == 2, "both teams to wait")
        set_level(own_store, 0)
        wait_until(lambda: len(asked_of(chatgpt)) >= 40, "forty turns")
        set_level(own_store, RPM)
        assert {answer.result().status_code for answer in answers} == {200}
    first = Counter(asked_of(chatgpt)[:40])
    assert first["three"] == pytest.approx(30, abs=4), first
