"""Half an hour of streams, requests and faults: memory, descriptors and greenlets do not grow.

SOAK_MINUTES is how long; 30 unless it is set.
"""

from __future__ import annotations

import os
import random
import signal
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import requests

from proxy.domain.limits import Bucket
from proxy.settings import load
from proxy.store.buckets import peek
from proxy.store.connection import Store
from tests.faults.endless_keys import endless, permanent
from tests.streaming.listening import Stream, cancel, stream
from tests.support.keys import issue
from tests.support.redis_server import RedisServer
from tests.support.service import CANARY, ROOT, Service
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from proxy.simulator.process import SimulatedChatGPT
    from tests.support.service import Client
    from tests.support.simulator import Control

MINUTES = float(os.environ.get("SOAK_MINUTES", "30"))
STREAMS, REQUESTS_A_SECOND, ASKERS = 200, 20, 10
SAMPLE_S = 5
PLACES = 10_000
STREAM = {"total_chars": 120, "chunk_size": 4, "chunks_per_s": 1}
FAULTS: tuple[dict[str, Any], ...] = (
    {"status": 500},
    {"status": 429, "headers": {"retry-after": "1"}},
    {"fault": "cut_body", "after": 20},
    {"fault": "cut_stream", "after": 3},
    {"fault": "malformed_json"},
    {"fault": "silence"},
    {"fault": "wrong_content_length"},
    {"fault": "invalid_utf8"},
    {"fault": "enormous_line", "size": 2_000_000},
    {"fault": "error_event", "after": 2},
)
ASKED: dict[str, Any] = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "Hello"}]}


@dataclass
class Measured:
    """One worker, from its start on.

    Attributes:
        rss: its memory in bytes, by the seconds since the start.
    """

    process: psutil.Process
    folder: Path
    port: int
    rss: list[tuple[float, int]] = field(default_factory=list)

    def descriptors(self) -> int:
        """Open files, without the pooled connections to Redis and ChatGPT."""
        ends = self.process.net_connections("all")
        of_clients = [one for one in ends if getattr(one.laddr, "port", None) == self.port]
        return self.process.num_fds() - len(ends) + len(of_clients)

    def greenlets(self) -> int:
        told = self.folder / str(self.process.pid)
        told.unlink(missing_ok=True)
        self.process.send_signal(signal.SIGRTMIN)
        wait_until(lambda: told.exists() and told.read_text(), "the worker to count")
        return int(told.read_text())

    def slope(self, since: float) -> float:
        """MB of memory that it gains in a quarter of an hour, after so many seconds."""
        late = [(at, rss) for at, rss in self.rss if at >= since]
        times, sizes = zip(*late, strict=True)
        return float(statistics.linear_regression(times, sizes).slope) * 900 / 1_048_576


def listen_for_ever(caller: Client, enough: threading.Event) -> None:
    """One stream after the other; a third is left or cancelled before its end."""
    while not enough.is_set():
        with suppress(requests.RequestException, AssertionError):
            listen_once(caller)


def listen_once(caller: Client) -> None:
    if random.random() < 0.5:
        body = ASKED | {"stream": True}
        answer = caller.post("/v1/chat/completions", json=body, stream=True)
        for number, _ in enumerate(answer.iter_content(None)):
            if number > 3 and random.random() < 0.02:
                break
        answer.close()
        return
    with stream(caller) as events:
        stop_after = random.choice((5, 40, 40))
        for number, _ in enumerate(events):
            if number == stop_after:
                leave(caller, events)
                return


def leave(caller: Client, events: Stream) -> None:
    """Cancel it, or just go away."""
    if random.random() < 0.5:
        cancel(caller, events.turn_id)


def ask_for_ever(caller: Client, chatgpt: Control, enough: threading.Event) -> None:
    """Questions at a pace; one in twenty meets a fault of ChatGPT's."""
    while not enough.wait(ASKERS / REQUESTS_A_SECOND):
        with suppress(requests.RequestException):
            if random.random() < 0.05:
                chatgpt.queue(**random.choice(FAULTS))
            session = caller.chat("Hello").json().get("session_id")
            if session and random.random() < 0.5:
                caller.chat("Go on", session_id=session)
            caller.get("/sessions?limit=5")


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_nothing_grows(simulator: SimulatedChatGPT, chatgpt: Control, tmp_path: Path) -> None:
    chatgpt.defaults(**STREAM)
    with (
        RedisServer() as redis,
        closing(Store(load({"REDIS_URL": redis.url, "OPENAI_API_KEY": CANARY}))) as store,
        redis.admin() as admin,
        Service(
            redis.url,
            simulator.url,
            WEB_CONCURRENCY="2",
            PROXY_UPSTREAM_READ_TIMEOUT="5",
            PROXY_SESSION_TTL="60",
            PROXY_TURN_LOG_TTL="30",
            PROXY_REDIS_TIMEOUT="5",
            PYTHONPATH=str(ROOT / "tests" / "faults" / "probe"),
            GREENLETS_DIR=str(tmp_path),
        ) as service,
    ):
        key, token = issue(store, rpm=0, tpm=0, max_parallel=PLACES)
        caller = service.client(token)
        workers = [Measured(psutil.Process(pid), tmp_path, service.port) for pid in service.workers]
        wait_until(lambda: warmed_up(caller, workers), "all workers to have answered")
        start = [(one.descriptors(), one.greenlets()) for one in workers]
        soak(caller, chatgpt, workers)
        wait_until(lambda: chatgpt.stats()["open_requests"] == 0, "ChatGPT to be left", 120)
        for one, (descriptors, greenlets) in zip(workers, start, strict=True):
            slope = one.slope(MINUTES * 60 / 3)
            print(
                f"\nworker {one.process.pid}: {one.rss[0][1] >> 20} MB, at the end "
                f"{one.rss[-1][1] >> 20} MB, {slope:+.2f} MB a quarter of an hour; "
                f"{descriptors} descriptors, {greenlets} greenlets at the start; MB each minute: "
                f"{[rss >> 20 for _, rss in one.rss[:: 60 // SAMPLE_S]]}"
            )
            wait_until(lambda: one.descriptors() <= descriptors, f"{one.descriptors()}", 120)  # noqa: B023
            wait_until(lambda: one.greenlets() <= greenlets, f"{one.greenlets()}", 120)  # noqa: B023
        places = Bucket("key", key.id, "concurrency", PLACES, PLACES)
        assert store.run(peek([places], {})).balances[0].remaining == PLACES
        assert {name for name in endless(admin) if not permanent(name)} == set()
        assert [one.process.pid for one in workers] == service.workers
        assert '"defect"' not in service.log
        assert "Traceback" not in service.log
        assert max(one.slope(MINUTES * 60 / 3) for one in workers) < 1


def warmed_up(caller: Client, workers: list[Measured]) -> bool:
    """Ask; whether each worker has what the first answer brings for good."""
    with ThreadPoolExecutor(ASKERS) as threads:
        assert all(threads.map(lambda _: caller.chat().ok, range(ASKERS)))
    return all(one.greenlets() > 1 for one in workers)


def soak(caller: Client, chatgpt: Control, workers: list[Measured]) -> None:
    """The load, and the samples of memory."""
    enough = threading.Event()
    begun = time.monotonic()
    with ThreadPoolExecutor(STREAMS + ASKERS) as threads:
        for _ in range(STREAMS):
            threads.submit(listen_for_ever, caller, enough)
        for _ in range(ASKERS):
            threads.submit(ask_for_ever, caller, chatgpt, enough)
        try:
            while time.monotonic() < begun + MINUTES * 60:
                time.sleep(SAMPLE_S)
                for one in workers:
                    one.rss.append((time.monotonic() - begun, one.process.memory_info().rss))
        finally:
            enough.set()
            stats = chatgpt.stats()
            print(f"\n{stats}")
