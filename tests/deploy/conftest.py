"""What the tests of deployments share: two proxies with one Redis, behind the shipped nginx."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.deploy.edge import Edge
from tests.support.service import ADMIN_TOKEN, Service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.embedded import EmbeddedRedis
    from proxy.simulator.process import SimulatedChatGPT
    from tests.conftest import NewKey
    from tests.support.service import Client
    from tests.support.simulator import Control


@dataclass(frozen=True, slots=True)
class Pair:
    """Two proxies, and nginx before them."""

    proxies: tuple[Service, Service]
    edge: Edge


@contextmanager
def _pair(redis: EmbeddedRedis, chatgpt: SimulatedChatGPT, **settings: str) -> Iterator[Pair]:
    with (
        Service(redis.url, chatgpt.url, **settings) as one,
        Service(redis.url, chatgpt.url, **settings) as other,
        Edge(one.port, other.port) as edge,
    ):
        yield Pair((one, other), edge)


@pytest.fixture(scope="session")
def pair(redis_server: EmbeddedRedis, simulator: SimulatedChatGPT) -> Iterator[Pair]:
    """For tests that leave all three as they were."""
    settings = {"PROXY_ADMIN_TOKEN": ADMIN_TOKEN, "PROXY_BODY_DEADLINE": "2"}
    with _pair(redis_server, simulator, **settings) as running:
        yield running


@pytest.fixture
def own_pair(redis_server: EmbeddedRedis, simulator: SimulatedChatGPT) -> Iterator[Pair]:
    """For a test that stops them: what takes two seconds more is ended as interrupted."""
    settings = {"PROXY_GRACEFUL_TIMEOUT": "4", "PROXY_REDIS_TIMEOUT": "30"}
    with _pair(redis_server, simulator, **settings) as running:
        yield running


@pytest.fixture
def outside(pair: Pair, chatgpt: Control, new_key: NewKey) -> Client:
    """A caller with a key of its own, who knows nginx alone."""
    return pair.edge.client(new_key())
