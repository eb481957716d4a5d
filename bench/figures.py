"""What it costs to count, log and trace one answered turn: `python -m bench.figures`.

In this process alone, without a request: the same calls, with the same labels, that a JSON turn
makes; beside them prometheus_client's own counters between several processes, for the same.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import timeit
from pathlib import Path
from typing import TYPE_CHECKING

from proxy.domain.conversation import Usage
from proxy.settings import load
from proxy.telemetry import current, figures, logs, traces

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.settings import Settings

ROUND_TRIPS = 3
USED = Usage(300, 120, cached_tokens=100)
MODEL = "gpt-6-luna"


def count() -> None:
    """All that a JSON turn of POST /chat counts."""
    current.begin("req_1")
    for _ in range(ROUND_TRIPS):
        figures.redis_seconds.observe(0.0004)
        current.get().redis_s += 0.0004
    figures.upstream_requests.add(1, 200)
    figures.upstream_head_seconds.observe(0.5)
    figures.upstream_seconds.observe(0.6)
    current.settled(MODEL, USED, 0.001, "answered", 0.6, None, None)
    figures.requests.add(1, "POST", "/chat", 200)
    figures.request_seconds.observe(0.6, "/chat")


def with_prometheus_client() -> Callable[[], None]:
    """The same by prometheus_client, whose values are in files of a folder."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="chat-proxy-bench-")
    from prometheus_client import Counter, Histogram  # noqa: PLC0415 - reads the variable

    counters = {
        figure: Counter(figure.name, figure.help, figure.labels)
        for figure in (figures.requests, figures.upstream_requests, figures.turns, figures.tokens)
    }
    cost = Counter(figures.cost.name, figures.cost.help, figures.cost.labels)
    timed = (figures.request_seconds, figures.turn_seconds)
    by_label = [Histogram(f.name, f.help, f.labels, buckets=f.bounds) for f in timed]
    others = (figures.redis_seconds, figures.upstream_head_seconds, figures.upstream_seconds)
    redis, head, whole = (Histogram(f.name, f.help, buckets=f.bounds) for f in others)

    def count_so() -> None:
        for _ in range(ROUND_TRIPS):
            redis.observe(0.0004)
        counters[figures.upstream_requests].labels("200").inc()
        head.observe(0.5)
        whole.observe(0.6)
        counters[figures.turns].labels(MODEL, "answered").inc()
        for kind, number in (("prompt", 300), ("cached", 100), ("completion", 120)):
            counters[figures.tokens].labels(MODEL, kind).inc(number)
        cost.labels(MODEL).inc(0.001)
        counters[figures.requests].labels("POST", "/chat", "200").inc()
        for histogram, label in zip(by_label, ("/chat", MODEL), strict=True):
            histogram.labels(label).observe(0.6)

    return count_so


def log() -> None:
    """The line of a turn."""
    now = current.begin("req_1")
    now.model, now.usage, now.cost_usd = MODEL, USED, 0.001
    fields = {
        "request_id": "req_123456789012345678901234",
        "method": "POST",
        "route": "/chat",
        "status": 200,
        "key": "abcdefghij",
        "session": "s_abcdefghijklmnopqrstuv",
        "turn": "t_abcdefghijklmnopqrstuv",
        "error": None,
    }
    logs.access(now, fields)


def trace() -> None:
    """The spans of a turn: the request, the turn, its four steps."""
    now = current.begin("req_1")
    traces.request("POST /chat", {})
    with traces.begin("turn", "client") as turn:
        now.turn = turn
        for step in ("open", "reserve", "POST /chat/completions", "commit"):
            with traces.begin(step):
                pass
        now.turn.tell({"gen_ai.request.model": MODEL}, f"chat {MODEL}")
    now.root.end()


def best_us(what: Callable[[], None], times: int = 20_000) -> float:
    """Microseconds of this process's time for one call, in the best of several rounds."""
    return min(timeit.repeat(what, number=times, repeat=7, timer=time.process_time)) / times * 1e6


def _settings(**more: str) -> Settings:
    return load({"OPENAI_API_KEY": "x", "REDIS_URL": "redis://127.0.0.1:1", **more})


def main() -> None:
    """Measure and print a table; the lines of the log go nowhere."""
    out = sys.stdout
    with Path(os.devnull).open("w") as nowhere:
        sys.stdout = nowhere
        logs.configure(_settings())
        rows = {
            "count": best_us(count),
            "the same by prometheus_client, several processes": best_us(with_prometheus_client()),
            "log": best_us(log),
            "trace, off": best_us(trace),
        }
        traces.configure(_settings(PROXY_TRACES_URL="http://127.0.0.1:9"))
        rows["trace, on, to a collector that is not there"] = best_us(trace, 500)
        traces.close()
        sys.stdout = out
    print("| what | us a turn |\n|---|---|")
    for what, spent in rows.items():
        print(f"| {what} | {spent:.1f} |")


if __name__ == "__main__":
    main()
