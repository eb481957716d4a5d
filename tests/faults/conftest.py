"""What the tests of faults share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from proxy.settings import load
from proxy.store.connection import Store
from tests.faults.fragile import Fragile
from tests.support.fault_proxy import FaultProxy
from tests.support.redis_server import RedisServer
from tests.support.service import CANARY, Service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.simulator.process import SimulatedChatGPT


@pytest.fixture(scope="session")
def fragile(simulator: SimulatedChatGPT) -> Iterator[Fragile]:
    """A service whose Redis a test may break, if it makes it whole again."""
    with RedisServer(appendonly=True) as redis, FaultProxy(redis.url) as way:
        settings = load({"REDIS_URL": redis.url, "OPENAI_API_KEY": CANARY})
        with (
            closing(Store(settings)) as store,
            redis.admin() as admin,
            Service(way.url, simulator.url, PROXY_AUTH="open") as service,
        ):
            yield Fragile(redis, way, store, admin, service)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as executor:
        yield executor
