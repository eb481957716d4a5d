"""A Redis that may drop keys is named at the start and by /readyz; what it dropped is missed."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from proxy.settings import load
from proxy.store.connection import Command, Store
from tests.faults.fragile import refused
from tests.support.service import CANARY
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from proxy.embedded import EmbeddedRedis
    from tests.conftest import StartService

TOLD = "it may drop sessions (allkeys-lru): use noeviction"


def policy(store: Store, name: str) -> None:
    store.run(Command(("CONFIG", "SET", "maxmemory-policy", name), bool))


def test_the_start_and_readiness_name_it_until_it_is_mended(
    own_redis: EmbeddedRedis, start_service: StartService
) -> None:
    settings = load({"REDIS_URL": own_redis.url, "OPENAI_API_KEY": CANARY})
    with closing(Store(settings)) as operator:
        policy(operator, "allkeys-lru")
        service = start_service(REDIS_URL=own_redis.url)
        (line,) = [line for line in service.log.splitlines() if TOLD in line]
        assert '"level": "error"' in line
        answer = service.client().get("/readyz")
        assert refused(answer)
        assert TOLD in answer.json()["error"]["message"]
        policy(operator, "noeviction")
        wait_until(lambda: service.client().get("/readyz").ok, "the service to be ready")
