"""An outage of Redis: begun by failures in a row, refused at once, over when Redis answers."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from proxy.errors import StoreUnavailable
from proxy.settings import load
from proxy.store.connection import Command, Store, ping
from tests.support.fault_proxy import FaultProxy
from tests.support.service import CANARY, free_port
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.embedded import EmbeddedRedis

FAILURES = 3


@contextmanager
def opened(url: str, pause: float = 0.2) -> Iterator[Store]:
    """A store that gives up after three failures."""
    settings = {
        "REDIS_URL": url,
        "OPENAI_API_KEY": CANARY,
        "PROXY_REDIS_BREAKER_FAILURES": str(FAILURES),
        "PROXY_REDIS_BREAKER_PAUSE": str(pause),
    }
    with closing(Store(load(settings))) as store:
        yield store


def refused(store: Store) -> float:
    """Seconds until a command is refused."""
    begun = time.monotonic()
    with pytest.raises(StoreUnavailable) as told:
        store.run(ping())
    assert told.value.retry_after == 1
    return time.monotonic() - begun


@pytest.fixture
def way(redis_server: EmbeddedRedis) -> Iterator[FaultProxy]:
    with FaultProxy(redis_server.url) as proxy:
        yield proxy


def test_it_takes_failures_in_a_row() -> None:
    with opened(f"redis://127.0.0.1:{free_port()}") as store:
        for expected in (False, False, True):
            refused(store)
            assert store.outage.lasts is expected
        assert store.outage.times == 1


def test_an_answer_between_them_begins_the_row_anew(way: FaultProxy) -> None:
    with opened(way.url) as store:
        for _ in range(FAILURES):
            store.run(ping())
            way.swallow()
            refused(store)
        assert not store.outage.lasts


def test_while_it_lasts_nobody_waits_and_nothing_is_sent(way: FaultProxy) -> None:
    with opened(way.url, pause=60) as store:
        way.blackhole = True
        for _ in range(FAILURES):
            refused(store)
        sent = way.sent
        assert min(refused(store) for _ in range(100)) < 0.01
        assert way.sent == sent


def test_a_redis_that_answers_and_refuses_is_no_outage(store: Store) -> None:
    with pytest.raises(StoreUnavailable):
        store.run_all(*[Command(("NO-SUCH-COMMAND",), bool)] * 9)
    assert not store.outage.lasts


def test_it_ends_by_itself_when_redis_answers(way: FaultProxy) -> None:
    with opened(way.url) as store:
        way.blackhole = True
        for _ in range(FAILURES):
            refused(store)
        assert store.outage.lasts
        way.blackhole = False
        wait_until(lambda: not store.outage.lasts, "the outage to end", seconds=10)
        assert store.run(ping())
        assert (store.outage.times, store.outage.seconds > 0) == (1, True)


def test_who_waited_for_a_connection_when_it_began_is_not_held_up_longer(
    own_redis: EmbeddedRedis,
) -> None:
    with opened(own_redis.url) as store:
        store.run(ping())
        os.kill(own_redis.pid, signal.SIGSTOP)
        took: list[float] = []
        waiting = [threading.Thread(target=lambda: took.append(refused(store))) for _ in range(150)]
        for thread in waiting:
            thread.start()
        for thread in waiting:
            thread.join()
        os.kill(own_redis.pid, signal.SIGCONT)
    assert len(took) == 150
    assert max(took) < 2


def test_a_call_ends_when_its_time_is_up(way: FaultProxy) -> None:
    with opened(way.url) as store:
        way.blackhole = True
        with pytest.raises(StoreUnavailable):
            store.run_all(ping(), within_s=0.01)
