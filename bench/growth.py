"""What grows with use: `python -m bench.growth`, or `make bench`.

The time and the CPU of a turn, the bytes that it writes to Redis and Redis's own time for it:
against the length of its session (with the same window sent), the number of keys, the number of
sessions, the number of workers. From Redis's time follows how many hosts one Redis serves.
"""

from __future__ import annotations

import argparse
import statistics
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson
import psutil
import requests

from bench.answers import MANY
from bench.machine import versions
from bench.nginx import Nginx
from bench.wrk import post
from proxy.domain.identifiers import new_session_id
from proxy.embedded import EmbeddedRedis
from proxy.settings import load
from proxy.store import session_list, sessions
from proxy.store.connection import Command, Store
from tests.support.keys import issue
from tests.support.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LENGTHS, QUICK_LENGTHS = (1, 10, 100, 1_000, 2_000), (1, 10)
KEYS, QUICK_KEYS = (10, 1_000, 10_000, 100_000), (10, 100)
SESSIONS, QUICK_SESSIONS = (1, 1_000, 100_000, 1_000_000), (1, 100)
WORKERS = (1, 2)
SAMPLES, QUICK_SAMPLES = 200, 10
OWNERS = 1_000
"""Among so many the sessions are shared out."""
AT_ONCE = 500
AMPLE = {"rpm": 100_000_000, "tpm": 900_000_000}
WINDOW = {"PROXY_CONTEXT_MAX_TOKENS": "1600"}
"""Of ten turns or so, so that a long session is sent no more than a short one."""
QUESTION = "What is a proxy? " * 5
_HEAD = ("of a turn", "p50", "worker's CPU", "bytes to Redis", "Redis's time")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a turn takes, as the median of many or the mean of all."""

    ms: float
    cpu_us: float
    written: float
    redis_us: float

    def row(self, name: str) -> str:
        """As a line of the table."""
        times = f"{self.ms:.2f} ms | {self.cpu_us:,.0f} us"
        return f"| {name} | {times} | {self.written:,.0f} | {self.redis_us:,.0f} us |"


class Bench:
    """A service of one worker, and what is asked of it."""

    def __init__(self, service: Service, store: Store) -> None:
        (worker,) = service.workers
        self.store = store
        self._url = f"{service.url}/chat"
        self._worker = psutil.Process(worker)
        self._client = requests.Session()

    def ask(self, key: str, session_id: str | None = None) -> str:
        """A turn; the session's id."""
        body = {"message": QUESTION, "model": "gpt-6-luna"}
        headers = {"Authorization": f"Bearer {key}"}
        asked = body | ({"session_id": session_id} if session_id else {})
        answer = self._client.post(self._url, json=asked, headers=headers, timeout=60)
        answer.raise_for_status()
        return str(answer.json()["session_id"])

    def cost(self, questions: Sequence[tuple[str, str | None]]) -> Cost:
        """What these turns, of a key and a session each, take."""
        times = []
        before = self._counters()
        for key, session_id in questions:
            begun = time.perf_counter()
            self.ask(key, session_id)
            times.append(time.perf_counter() - begun)
        spent = [
            (after - then) / len(questions)
            for then, after in zip(before, self._counters(), strict=True)
        ]
        return Cost(statistics.median(times) * 1e3, spent[0] * 1e6, spent[1], spent[2] * 1e6)

    def _counters(self) -> tuple[float, float, float]:
        """The worker's CPU, Redis's input in bytes, Redis's CPU: all so far."""
        raw = self.store.run(Command(("INFO", "all"), bytes.decode))
        told = dict(line.split(":", 1) for line in raw.splitlines() if ":" in line)
        redis_s = float(told["used_cpu_user"]) + float(told["used_cpu_sys"])
        cpu_s = sum(self._worker.cpu_times()[:2])
        return cpu_s, float(told["total_net_input_bytes"]), redis_s

    def lengths(self, lengths: Sequence[int], samples: int) -> Iterator[tuple[str, Cost]]:
        """Turns of a session that has so many already; each is measured in several sessions."""
        key = issue(self.store, **AMPLE)[1]
        held = [self.ask(key) for _ in range(samples // 10)]
        for length in lengths:
            self._fill(held, key, length)
            yield f"{length:,} turns in its session", self.cost([(key, one) for one in held] * 10)

    def _fill(self, held: Sequence[str], key: str, length: int) -> None:
        """Let each session have so many turns; those that are missing are copied in Redis."""
        owner = f"key:{key.split('-')[2]}"
        for one in held:
            _, turns = self.store.run(sessions.read(one, owner))
            missing = length - len(turns)
            if missing > 0:
                self.ask(key, one)
                self._copy(one, missing - 1)

    def _copy(self, session_id: str, many: int) -> None:
        """Append the newest turn of a session so many times again, before itself."""
        text = """local turn = redis.call('LINDEX', KEYS[2], -1)
            for _ = 1, ARGV[1] do redis.call('RPUSH', KEYS[2], turn) end
            return redis.call('HINCRBY', KEYS[1], 'count', ARGV[1])"""
        keys = (f"cp:{{s:{session_id}}}:meta", f"cp:{{s:{session_id}}}:turns")
        self.store.run(Command(("EVAL", text, 2, *keys, many), int))

    def keys(self, numbers: Sequence[int], samples: int) -> Iterator[tuple[str, Cost]]:
        """Turns of other keys each time, none of which the worker knows yet."""
        made: list[str] = []
        for number in numbers:
            made += [issue(self.store, **AMPLE)[1] for _ in range(number - len(made))]
            step = max(1, len(made) // samples)
            yield f"{number:,} keys", self.cost([(key, None) for key in made[::step]])

    def sessions(self, numbers: Sequence[int], samples: int) -> Iterator[tuple[str, Cost]]:
        """First turns, beside so many sessions of as many owners."""
        key = issue(self.store, **AMPLE)[1]
        made = 0
        for number in numbers:
            for first in range(made, number, AT_ONCE):
                many = range(first, min(number, first + AT_ONCE))
                fields: sessions.Changes = {"ttl": 86_400, "title": "A conversation"}
                made_now = self.store.run_all(
                    *(sessions.create(new_session_id(), f"key:{n % OWNERS}", fields) for n in many)
                )
                self.store.run_all(
                    *(
                        session_list.enlist(one, turn_count=0, title=one.title, replace=True)
                        for one in made_now
                    )
                )
            made = max(made, number)
            yield f"{number:,} sessions", self.cost([(key, None)] * samples)


@contextmanager
def running(redis_url: str, upstream_url: str, **settings: str) -> Iterator[tuple[Service, Store]]:
    """A service and a store of its Redis, which may be asked for long at once."""
    patient = {"REDIS_URL": redis_url, "OPENAI_API_KEY": "bench", "PROXY_REDIS_TIMEOUT": "60"}
    store = Store(load(patient))
    try:
        with Service(redis_url, upstream_url, **settings) as service:
            yield service, store
    finally:
        store.close()


def workers(redis_url: str, upstream_url: str, number: int, seconds: float) -> float:
    """Turns a second of so many workers, as many as come."""
    with running(redis_url, upstream_url, WEB_CONCURRENCY=str(number)) as (service, store):
        key = issue(store, **AMPLE)[1]
        body = orjson.dumps({"message": QUESTION}).decode()
        return post(f"{service.url}/chat", [body], key, MANY, seconds).per_s


def main() -> None:
    """Measure and print tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only to see that it runs")
    parser.add_argument("--short", action="store_true", help="without what takes minutes to fill")
    options = parser.parse_args()
    quick, most = options.quick, 2_000 if options.short else 1_000_000
    samples = QUICK_SAMPLES if quick else SAMPLES
    print(versions())
    print(f"\n| {' | '.join(_HEAD)} |\n|---|---|---|---|---|")
    costs: dict[str, Cost] = {}
    with ExitStack() as held:
        nginx = held.enter_context(Nginx())
        redis = held.enter_context(EmbeddedRedis())
        service, store = held.enter_context(running(redis.url, nginx.url, **WINDOW))
        bench = Bench(service, store)
        for measured, sizes in (
            (bench.lengths, QUICK_LENGTHS if quick else LENGTHS),
            (bench.keys, QUICK_KEYS if quick else KEYS),
            (bench.sessions, QUICK_SESSIONS if quick else SESSIONS),
        ):
            for name, cost in measured([size for size in sizes if size <= most], samples):
                print(cost.row(name), flush=True)
                costs[name] = cost
        numbers = WORKERS[:1] if quick else WORKERS
        rates = {n: workers(redis.url, nginx.url, n, 1 if quick else 5) for n in numbers}
    for number, rate in rates.items():
        print(f"{number} of {max(WORKERS)} workers: {rate:,.0f} turns/s on this machine")
    redis_us = statistics.median(cost.redis_us for cost in costs.values())
    print(f"one Redis: {1e6 / redis_us:,.0f} turns/s at most, by its own CPU for one")


if __name__ == "__main__":
    main()
