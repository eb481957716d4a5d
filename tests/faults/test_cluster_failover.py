"""Redis as a cluster: everything works, and goes on working when one of its masters dies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxy.domain.limits import Bucket
from proxy.store import keyspace
from tests.faults import redundant as shared
from tests.support.redis_group import Clustered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.simulator.process import SimulatedChatGPT
    from tests.support.simulator import Control

    Redundant = shared.Redundant[Clustered]

LIMITS = keyspace.limits(Bucket("upstream", keyspace.UPSTREAM, "requests", 0, 0))
"""Its node has something to do with every turn."""


@pytest.fixture(scope="module")
def redundant(simulator: SimulatedChatGPT) -> Iterator[Redundant]:
    with Clustered() as group, shared.served(group, simulator) as served:
        yield served


def test_everything_works(redundant: Redundant, chatgpt: Control) -> None:
    shared.everything_works(redundant)


def test_streams_are_heard_again_and_cancelled(redundant: Redundant, chatgpt: Control) -> None:
    shared.streams_are_heard_again_and_cancelled(redundant, chatgpt)


def test_limits_are_exact(redundant: Redundant, chatgpt: Control) -> None:
    shared.limits_are_exact(redundant)


def test_a_repeat_gets_the_same_answer(redundant: Redundant, chatgpt: Control) -> None:
    shared.repeats_get_the_same_answer(redundant)


def test_operators_see_all_of_it(redundant: Redundant) -> None:
    shared.operators_see_it(redundant, servers=3)


def test_a_master_that_dies_costs_seconds_and_no_answer_that_was_given(
    redundant: Redundant, chatgpt: Control
) -> None:
    master = redundant.group.owner(LIMITS)
    with shared.load(redundant) as people:
        master.kill()
        redundant.group.wait_for_another(master, LIMITS)
        master.start()
    shared.all_is_well_after(redundant, people)
    shared.limits_are_exact(redundant)
