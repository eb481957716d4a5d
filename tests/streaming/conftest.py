"""A second service on the same Redis: whoever asks there is on another worker, surely."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.streaming.listening import REQUESTS, TOKENS
from tests.support.service import Client, Service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.embedded import EmbeddedRedis
    from proxy.simulator.process import SimulatedChatGPT
    from tests.conftest import NewKey
    from tests.support.simulator import Control


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


@pytest.fixture
def slow_to_refill(service: Service, chatgpt: Control, new_key: NewKey) -> Client:
    """A caller whose limits show what it took."""
    return service.client(new_key(rpm=1, burst=REQUESTS, tpm=TOKENS))
