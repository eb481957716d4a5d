"""Reloads, and proxies that are replaced, under load: no answer fails, no stream loses a word."""

from __future__ import annotations

import signal
import ssl
import time
from contextlib import ExitStack, closing
from functools import partial
from http.client import HTTPConnection, HTTPSConnection
from typing import TYPE_CHECKING

import pytest

from tests.deploy.load import OK, load, lost, outcome
from tests.support.tls_server import CERTIFICATE
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import NewKey, StartService
    from tests.deploy.conftest import Pair
    from tests.deploy.edge import Edge
    from tests.deploy.load import Ask, Told
    from tests.support.service import Client, Service
    from tests.support.simulator import Control

SIZES = [
    pytest.param(30, 10, 100, id="small"),
    pytest.param(200, 100, 300, id="large", marks=pytest.mark.soak),
]
PACE = {"chunk_size": 10, "chunks_per_s": 3}
BODY = '{"message": "Hello"}'


@pytest.fixture
def connections() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def ask_on(connection: HTTPConnection, caller: Client) -> str:
    """A question on this connection; what came of it."""
    headers = {**caller.headers, "Content-Type": "application/json"}
    connection.request("POST", "/chat", BODY, headers)
    answer = connection.getresponse()
    return outcome(answer.status, answer.read().decode())


def kept(service: Service, caller: Client, connections: ExitStack) -> Ask:
    """Asks on one connection."""
    connection = HTTPConnection("127.0.0.1", service.port, timeout=60)
    connections.enter_context(closing(connection))
    return partial(ask_on, connection, caller)


def enough(told: Told, rate: int, streams: int) -> bool:
    """Whether a second's answers came since the last look, and each stream ended once."""
    answered, ended = told.answers[OK], len(told.streams)
    wait_until(lambda: told.answers[OK] >= answered + rate, "a second's answers", 60)
    wait_until(lambda: len(told.streams) >= ended + streams, "the streams to end", 60)
    return True


@pytest.mark.parametrize(("rate", "streams", "chars"), SIZES)
def test_a_reload_fails_nothing(
    start_service: StartService,
    chatgpt: Control,
    new_key: NewKey,
    connections: ExitStack,
    rate: int,
    streams: int,
    chars: int,
) -> None:
    service = start_service(
        WEB_CONCURRENCY="2", PROXY_GRACEFUL_TIMEOUT="60", PROXY_REDIS_TIMEOUT="30"
    )
    caller = service.client(new_key(rpm=0, tpm=0))
    chatgpt.defaults(total_chars=chars, **PACE)
    asks = [kept(service, caller, connections) for _ in range(max(4, rate // 5))]
    with load(caller, asks, rate, streams) as told:
        enough(told, rate, streams)
        former = set(service.workers)
        service.tell(signal.SIGHUP)
        wait_until(lambda: not former & set(service.workers), "the workers to be replaced", 60)
        enough(told, rate, streams)
    print(told)
    assert set(told.answers) == {OK}
    assert lost(caller, told) == []
    assert {heard[-1].kind for heard in told.streams} == {"done"}


def stopped(proxy: Service) -> None:
    """SIGTERM, and wait until it has ended by itself."""
    proxy.tell(signal.SIGTERM)
    wait_until(lambda: not proxy.running, "the proxy to end", 60)


def secure(edge: Edge, caller: Client, context: ssl.SSLContext) -> Ask:
    """Asks through the edge, each time on a new connection: nginx closes old ones at a reload."""

    def ask() -> str:
        connection = HTTPSConnection("127.0.0.1", edge.port, timeout=60, context=context)
        with closing(connection):
            return ask_on(connection, caller)

    return ask


@pytest.mark.parametrize(("rate", "streams", "chars"), SIZES)
def test_proxies_behind_the_edge_are_replaced_and_nothing_fails(
    own_pair: Pair, chatgpt: Control, new_key: NewKey, rate: int, streams: int, chars: int
) -> None:
    caller = own_pair.edge.client(new_key(rpm=0, tpm=0))
    chatgpt.defaults(total_chars=chars, **PACE)
    one, other = own_pair.proxies
    context = ssl.create_default_context(cafile=str(CERTIFICATE))
    asks = [secure(own_pair.edge, caller, context) for _ in range(max(4, rate // 5))]
    with load(caller, asks, rate, streams) as told:
        enough(told, rate, streams)
        for leaves, stays in ((one, other), (other, one)):
            own_pair.edge.lead_to(stays.port)
            led = time.monotonic()
            wait_until(partial(told.answered_since, led), "those who asked before to be answered")
            stopped(leaves)
            leaves.restart()
            own_pair.edge.lead_to(stays.port, leaves.port)
        enough(told, rate, streams)
    print(told)
    assert set(told.answers) == {OK}
    assert lost(caller, told) == []
