"""Thousands of open streams on one worker."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import psutil

from bench.load import Listener, Load
from tests.support.service import Service

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.embedded import EmbeddedRedis

STREAMS = 2_000
DONE = b'"turns_left_out":0}}\n\n\r\n0\r\n\r\n'
"""How a stream ends that ended well: with its reply, not with an error."""
BATCH = 20
SECONDS = 10
LATE_S = 10
"""A stream that comes later was held up by another, and not by a machine that is busy besides."""
BODY = b'{"message": "Hello", "stream": true}'
REQUEST = (
    b"POST /chat HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
)


def answered(listeners: list[Listener]) -> Callable[[], bool]:
    """Whether something came to each."""
    return lambda: all(listener.pieces for listener in listeners)


def test_two_thousand_streams_come_in_time_and_take_little_memory(
    redis_server: EmbeddedRedis,
) -> None:
    settings = {
        "PROXY_AUTH": "open",
        "PROXY_KEY_RPM": "0",
        "PROXY_KEY_TPM": "0",
        "PROXY_REDIS_TIMEOUT": "5",
    }
    with (
        closing(Load(interval=1)) as load,
        Service(redis_server.url, load.url("service"), **settings) as service,
    ):
        worker = psutil.Process(service.workers[0])
        before = worker.memory_info().rss
        for _ in range(STREAMS // BATCH):
            begun = [load.ask(service.port, REQUEST) for _ in range(BATCH)]
            load.run(answered(begun))
        load.run_for(SECONDS)
        taken = (worker.memory_info().rss - before) / STREAMS
        load.talking = False
        load.run(lambda: all(listener.ended for listener in load.listeners))
        assert {one.data[-len(DONE) :] for one in load.listeners} == {DONE}
        assert max(listener.gap for listener in load.listeners) <= 1 + LATE_S
        assert taken <= 80 * 1024, f"{taken / 1024:.0f} KB a stream"
