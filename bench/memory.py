"""What a worker takes: `python -m bench.memory`, or `make bench`.

How soon one that was killed is followed by another; its memory as it begins, after many turns (wrk
asks, nginx is ChatGPT), with many open streams of a word a second and after them. A client key,
limits, sessions, usage, metrics and logs are on.
"""

from __future__ import annotations

import argparse
import statistics
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import orjson
import requests

from bench.answers import keep_away
from bench.load import Load
from bench.machine import versions
from bench.nginx import Nginx
from bench.streams import QUESTION, posted
from bench.targets import Target, service
from bench.wrk import post
from proxy.embedded import EmbeddedRedis
from tests.support.keys import issue

if TYPE_CHECKING:
    from collections.abc import Iterator

TURNS, ROUND_S = 100_000, 20
STREAMS = (2_000, 5_000)
TALK_S = 10
BATCH = 20
AMPLE = {"rpm": 100_000_000, "tpm": 900_000_000}
DONE = b'"turns_left_out":0}}\n\n\r\n0\r\n\r\n'
"""How a stream ends that ended well: with its reply, not with an error."""


def rss_mb(target: Target) -> float:
    """The worker's memory."""
    return float(target.worker.memory_info().rss) / 1e6


def turns(target: Target, key: str, many: int, seconds: int) -> Iterator[tuple[int, float]]:
    """Ask so many turns, a new session each; the worker's memory after each round of seconds."""
    body = [orjson.dumps({"message": "What is a proxy? " * 5}).decode()]
    asked = 0
    while asked < many:
        told = post(f"{target.url}/chat", body, key, 32, seconds)
        if told.errors:
            raise RuntimeError(f"{told.errors} turns failed.")
        asked += int(told.per_s * seconds)
        yield asked, rss_mb(target)


def streams(target: Target, key: str, load: Load, many: int) -> str:
    """Open so many, let them talk, let them end; what is to be told of them."""
    before = rss_mb(target)
    request = posted("/chat", QUESTION, key)
    listeners = []
    for _ in range(many // BATCH):
        begun = [load.ask(target.port, request) for _ in range(BATCH)]
        load.run(lambda: all(listener.pieces for listener in begun))  # noqa: B023
        listeners += begun
    load.run_for(TALK_S)
    opened = rss_mb(target)
    load.talking = False
    load.run(lambda: all(listener.ended for listener in listeners))
    load.talking = True
    failed = sum(listener.data[-len(DONE) :] != DONE for listener in listeners)
    gap = max(listener.gap for listener in listeners)
    for listener in listeners:
        load.leave(listener)
    each = (opened - before) * 1e6 / many / 1024
    return f"{opened:.1f} MB | {each:.0f} KB each, {failed} failed, longest silence {gap:.1f} s"


def seconds_to_serve_again(target: Target) -> float:
    """How long it takes from the death of the worker until the one that follows it answers."""
    arbiter = target.worker.parent()
    assert arbiter
    target.worker.kill()
    killed = time.monotonic()
    while True:
        with suppress(requests.RequestException):
            requests.get(f"{target.url}/livez", timeout=5)
            (target.worker,) = arbiter.children()
            return time.monotonic() - killed


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__)
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--streams", type=int, nargs="*", default=STREAMS)
    parser.add_argument("--quick", action="store_true", help="only to see that it runs")
    options = parser.parse_args()
    many, opened = (100, [20]) if options.quick else (options.turns, options.streams)
    print(versions())
    keep_away()
    with ExitStack() as held:
        redis = held.enter_context(EmbeddedRedis())
        print("| | a worker's memory | |\n|---|---|---|")
        told(held, redis.url, many, 1 if options.quick else ROUND_S)
        told_of_streams(held, redis.url, opened)


def told(held: ExitStack, redis_url: str, many: int, seconds: int) -> None:
    """Print the rows of a worker's start and of its turns."""
    nginx = held.enter_context(Nginx())
    ours = held.enter_context(service(redis_url, nginx.url, PROXY_UPSTREAM_RPM=str(AMPLE["rpm"])))
    key = _key(ours)
    starts = [seconds_to_serve_again(ours) for _ in range(5)]
    took = f"{statistics.median(starts):.2f} s after the one before was killed, median of 5"
    print(f"| a new worker | {rss_mb(ours):.1f} MB | {took} |")
    for asked, rss in turns(ours, key, many, seconds):
        print(f"| {asked:,} turns | {rss:.1f} MB | |", flush=True)


def told_of_streams(held: ExitStack, redis_url: str, numbers: list[int]) -> None:
    """Print the rows of open streams, and of the worker after them."""
    load = Load(interval=1)
    held.callback(load.close)
    most = str(max(numbers) * 2)
    caps = {"PROXY_MAX_STREAMS_PER_WORKER": most, "PROXY_MAX_REQUESTS_PER_WORKER": most}
    ours = held.enter_context(service(redis_url, load.url("service"), **caps))
    key = _key(ours)
    for many in numbers:
        print(f"| {many:,} open streams | {streams(ours, key, load, many)} |")
        print(f"| after them | {rss_mb(ours):.1f} MB | |", flush=True)


def _key(target: Target) -> str:
    assert target.redis
    return issue(target.redis, **AMPLE, max_parallel=100_000)[1]


if __name__ == "__main__":
    main()
