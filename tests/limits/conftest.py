"""A Redis of a test's own: what all callers share has one name in each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxy.settings import load
from proxy.store.connection import Store
from tests.support.redis_server import RedisServer
from tests.support.service import CANARY

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def own_store(own_redis: RedisServer) -> Iterator[Store]:
    opened = Store(load({"REDIS_URL": own_redis.url, "OPENAI_API_KEY": CANARY}))
    yield opened
    opened.close()
