"""Chromium, and visits that must end without trouble."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from playwright.sync_api import ViewportSize, sync_playwright

from proxy.settings import load
from proxy.store.connection import Store
from tests.browser.dashboard import fill_up
from tests.browser.visit import Visit
from tests.support.redis_server import RedisServer
from tests.support.service import ADMIN_TOKEN, CANARY, Service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from proxy.simulator.process import SimulatedChatGPT


class Begin(Protocol):
    """Opens a tab; `options` are those of a browser context of Playwright's."""

    def __call__(self, service: Service, width: int = 1280, **options: Any) -> Visit: ...


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium-headless-shell")
    assert path, "chromium-headless-shell is not installed: run tests/prerequisites.sh"
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@contextmanager
def guarded(simulator: SimulatedChatGPT) -> Iterator[tuple[Service, Store]]:
    """A service with an admin token, and the store that nobody else knows."""
    with (
        RedisServer() as redis,
        Service(redis.url, simulator.url, PROXY_ADMIN_TOKEN=ADMIN_TOKEN) as running,
    ):
        store = Store(load({"REDIS_URL": redis.url, "OPENAI_API_KEY": CANARY}))
        yield running, store
        store.close()


@pytest.fixture(scope="module")
def busy(simulator: SimulatedChatGPT) -> Iterator[tuple[Service, Store]]:
    """A service with 500 keys and their usage."""
    with guarded(simulator) as (service, store):
        fill_up(store)
        yield service, store


@pytest.fixture(scope="module")
def idle(simulator: SimulatedChatGPT) -> Iterator[Service]:
    """A service that nobody has used."""
    with guarded(simulator) as (service, _):
        yield service


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Begin]:
    """Opens tabs; at the end there must have been no error, and no request to elsewhere."""
    visits: list[Visit] = []
    with ExitStack() as opened:

        def begin(service: Service, width: int = 1280, **options: Any) -> Visit:
            viewport = ViewportSize(width=width, height=800)
            context = chromium.new_context(viewport=viewport, **options)
            context.set_default_timeout(25_000)
            opened.callback(context.close)
            visits.append(Visit(context, service.url))
            return visits[-1]

        yield begin
    assert [trouble for each in visits for trouble in each.trouble] == []
