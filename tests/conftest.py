"""A real Redis, a simulated ChatGPT, and the real service between them, for all tests."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from proxy.settings import load
from proxy.simulator.process import SimulatedChatGPT
from proxy.store.connection import Store
from proxy.telemetry import logs
from tests.support import custody
from tests.support.keys import issue
from tests.support.learned import forget
from tests.support.redis_server import RedisServer
from tests.support.service import ADMIN_TOKEN, CANARY, Client, Service
from tests.support.simulator import Control

if TYPE_CHECKING:
    from collections.abc import Iterator


class NewKey(Protocol):
    """Makes a client key; answers what a client sends."""

    def __call__(self, **fields: Any) -> str: ...


class StartService(Protocol):
    """Starts a service of a test's own, with these settings."""

    def __call__(self, **settings: str) -> Service: ...


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A Redis that a test may break."""
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="session")
def redis_admin(redis_server: RedisServer) -> Iterator[Store]:
    """Who looks after Redis: may run the commands that the service's user may not."""
    with redis_server.admin() as opened:
        yield opened


@pytest.fixture(scope="session")
def store(redis_server: RedisServer, redis_admin: Store) -> Iterator[Store]:
    logs.silence()
    settings = load({"REDIS_URL": redis_server.url, "OPENAI_API_KEY": CANARY})
    opened = Store(settings)
    yield opened
    custody.check_redis(redis_admin)
    opened.close()


@pytest.fixture(scope="session")
def simulator() -> Iterator[SimulatedChatGPT]:
    with SimulatedChatGPT(api_key=CANARY) as simulated:
        yield simulated


@pytest.fixture
def chatgpt(simulator: SimulatedChatGPT, store: Store) -> Iterator[Control]:
    """The simulated ChatGPT's controls, all as new, also for what comes after the test."""
    control = Control(simulator.url)
    control.reset()
    forget(store)
    yield control
    control.reset()


@pytest.fixture(scope="session")
def service(redis_server: RedisServer, simulator: SimulatedChatGPT) -> Iterator[Service]:
    """The service with two workers, for tests that leave it as it is."""
    settings = {
        "WEB_CONCURRENCY": "2",
        "PROXY_ADMIN_TOKEN": ADMIN_TOKEN,
        "PROXY_UPSTREAM_BREAKER_FAILURES": "1000",  # one test's failures are not the next one's
    }
    with Service(redis_server.url, simulator.url, **settings) as running:
        yield running


@pytest.fixture
def start_service(redis_server: RedisServer, simulator: SimulatedChatGPT) -> Iterator[StartService]:
    with ExitStack() as started:

        def start(**settings: str) -> Service:
            redis_url = settings.pop("REDIS_URL", redis_server.url)
            upstream_url = settings.pop("OPENAI_BASE_URL", simulator.url)
            return started.enter_context(Service(redis_url, upstream_url, **settings))

        yield start


@pytest.fixture
def new_key(store: Store) -> NewKey:
    def make(**fields: Any) -> str:
        _, token = issue(store, **fields)
        return token

    return make


@pytest.fixture
def api(service: Service, chatgpt: Control, new_key: NewKey) -> Client:
    """A caller with a key of its own; the simulated ChatGPT is as new."""
    return service.client(new_key())


@pytest.fixture
def admin(service: Service) -> Client:
    """An operator, with the admin token."""
    return service.client(ADMIN_TOKEN)
