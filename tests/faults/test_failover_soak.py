"""Failover after failover under load: the strict figures, which want a machine to themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxy.store import keyspace
from tests.faults import redundant as shared
from tests.support.redis_group import Clustered, Watched
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from proxy.simulator.process import SimulatedChatGPT
    from tests.support.simulator import Control

pytestmark = pytest.mark.soak

ROUNDS = 5
WATCHED_MS, NODE_MS = 1000, 1500
PROMOTED_S = 4.0
"""What an election takes once the master is known to be dead."""
SEEN_S = 2.0
"""What a worker takes to see its outcome."""
KEY = keyspace.learned_models()
"""Its node has something to do with every turn."""


def test_behind_sentinel(simulator: SimulatedChatGPT, chatgpt: Control) -> None:
    with Watched(down_after_ms=WATCHED_MS) as group, shared.served(group, simulator) as redundant:
        for _ in range(ROUNDS):
            master = group.master
            with shared.load(redundant) as people:
                master.kill()
                group.wait_for_another(master)
                master.start()
            shared.all_is_well_after(redundant, people)
            print(f"sentinel: refused for {shared.refused_s(people):.1f} s")
            assert shared.refused_s(people) < WATCHED_MS / 1000 + PROMOTED_S + SEEN_S
            wait_until(lambda: group.settled, "the failover to be over", seconds=60)


def test_in_a_cluster(simulator: SimulatedChatGPT, chatgpt: Control) -> None:
    with Clustered(node_timeout_ms=NODE_MS) as group, shared.served(group, simulator) as redundant:
        for _ in range(ROUNDS):
            master = group.owner(KEY)
            with shared.load(redundant) as people:
                master.kill()
                group.wait_for_another(master, KEY)
                master.start()
            shared.all_is_well_after(redundant, people)
            print(f"cluster: refused for {shared.refused_s(people):.1f} s")
            assert shared.refused_s(people) < NODE_MS / 1000 + PROMOTED_S + SEEN_S
            wait_until(lambda: group.sound and group.replicated, "it to be a replica", seconds=60)
