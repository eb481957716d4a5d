"""A second service on the same Redis: whoever asks there is on another worker, surely."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.service import Client, Service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.embedded import EmbeddedRedis
    from proxy.simulator.process import SimulatedChatGPT


@pytest.fixture(scope="session")
def neighbour(redis_server: EmbeddedRedis, simulator: SimulatedChatGPT) -> Iterator[Service]:
    with Service(redis_server.url, simulator.url) as running:
        yield running


@pytest.fixture
def elsewhere(api: Client, neighbour: Service) -> Client:
    """The same caller as `api`, on another worker."""
    other = neighbour.client()
    other.headers = api.headers
    return other
