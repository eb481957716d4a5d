"""What a relayed stream costs: `python -m bench.streams`, or `make bench`.

The service and bench/floor.py, each with one worker, relay as many streams at the same pace and at
the same time, so that whatever else the machine does slows both; chunks a second of the workers'
CPU time are compared. Then the time to the first word.
"""

from __future__ import annotations

import argparse
import statistics
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from bench.load import Load
from bench.machine import versions
from bench.targets import Target, floor, service
from proxy.embedded import EmbeddedRedis
from proxy.store.connection import Command

if TYPE_CHECKING:
    from collections.abc import Iterator

_WARMING = 20
"""First words that are not counted."""
QUESTION = {"message": "Hello", "stream": True}


@contextmanager
def _floor(load: Load) -> Iterator[Target]:
    with floor(load.url("floor")) as target:
        yield target


@contextmanager
def _service(load: Load) -> Iterator[Target]:
    """Without limits for the one caller, and patient: a stream that is refused is waited for."""
    settings = {
        "PROXY_AUTH": "open",
        "PROXY_KEY_RPM": "0",
        "PROXY_KEY_TPM": "0",
        "PROXY_REDIS_TIMEOUT": "30",
    }
    with EmbeddedRedis() as redis, service(redis.url, load.url("service"), **settings) as it:
        yield it


TARGETS = {"floor": _floor, "service": _service}


@dataclass(frozen=True, slots=True)
class Count:
    """What was counted of a target up to a moment."""

    at: float
    chunks: int
    cpu: float
    redis: dict[str, float]


class Run:
    """The same streams through several targets."""

    def __init__(
        self, load: Load, targets: dict[str, Target], streams: int, request: bytes
    ) -> None:
        """Begin them.

        Args:
            load: ChatGPT, and who listens.
            targets: what stands between the two.
            streams: how many, of each target.
            request: what is sent for one.
        """
        self._load = load
        self._targets = targets
        for _ in range(streams // 5):
            for target in targets.values():
                for _ in range(5):
                    load.ask(target.port, request)
            load.run_for(0.05)
        load.run(lambda: all(listener.pieces > 2 for listener in load.listeners))

    def measure(self, seconds: float) -> dict[str, dict[str, float]]:
        """What each did in so many seconds."""
        before = {name: self._count(name) for name in self._targets}
        self._load.run_for(seconds)
        return {name: _figures(before[name], self._count(name)) for name in self._targets}

    def end(self) -> float:
        """Let all streams end; the longest silence in one of them, in seconds."""
        self._load.talking = False
        self._load.run(lambda: all(listener.ended for listener in self._load.listeners))
        return max(listener.gap for listener in self._load.listeners)

    def _count(self, name: str) -> Count:
        target = self._targets[name]
        times = target.worker.cpu_times()
        cpu = float(times.user + times.system)
        return Count(time.monotonic(), self._load.sent[name], cpu, _redis(target))


def _figures(before: Count, after: Count) -> dict[str, float]:
    took, chunks, cpu = after.at - before.at, after.chunks - before.chunks, after.cpu - before.cpu
    work = {f"{what}/s": (n - before.redis[what]) / took for what, n in after.redis.items()}
    return {
        "chunks/CPU s": chunks / cpu,
        "chunks/s": chunks / took,
        "CPU %": 100 * cpu / took,
        **work,
    }


def first_word(samples: int) -> dict[str, float]:
    """Milliseconds from a question to the first word, the median: direct, floor and service."""
    load = Load(interval=0)
    times: dict[str, list[float]] = {"direct": [], "floor": [], "service": []}
    with ExitStack() as held:
        held.callback(load.close)
        ports = {name: held.enter_context(TARGETS[name](load)).port for name in TARGETS}
        ports["direct"] = load.port
        for number in range(samples + _WARMING):
            for name, port in ports.items():
                took = _time_to_first_word(load, port)
                if number >= _WARMING:
                    times[name].append(took * 1000)
    return {name: statistics.median(taken) for name, taken in times.items()}


def _time_to_first_word(load: Load, port: int) -> float:
    asked = time.monotonic()
    listener = load.ask(port, posted("/chat", QUESTION))
    load.run(lambda: b" word" in listener.data)
    took = listener.heard - asked
    load.run(lambda: listener.ended)
    return took


def posted(path: str, fields: dict[str, Any], key: str = "bench") -> bytes:
    """A request as it is sent."""
    body = orjson.dumps(fields)
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
    own = f"Authorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + own).encode() + body


def _redis(target: Target) -> dict[str, float]:
    """What Redis has done so far: scripts, appended batches, milliseconds of CPU."""
    if target.redis is None:
        return {}
    raw = target.redis.run(Command(("INFO", "all"), bytes.decode))
    told = dict(line.split(":", 1) for line in raw.splitlines() if ":" in line)
    calls = {
        what: float(told.get(f"cmdstat_{what}", "calls=0,").split("calls=")[1].split(",")[0])
        for what in ("evalsha", "xadd")
    }
    cpu = float(told["used_cpu_user"]) + float(told["used_cpu_sys"])
    return calls | {"Redis CPU ms": 1000 * cpu}


def compare(measured: dict[str, dict[str, float]], other: str = "floor") -> float:
    """Print what was measured; chunks a CPU second of the service by those of another."""
    for name, told in measured.items():
        print(f"{name:8}", *(f"{what} {value:,.0f}" for what, value in told.items()), sep="  ")
    ratio = measured["service"]["chunks/CPU s"] / measured[other]["chunks/CPU s"]
    print(f"{'':8}  {ratio:.2f}", flush=True)
    return ratio


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.streams", description=__doc__)
    parser.add_argument("--streams", type=int, default=400)
    parser.add_argument("--rate", type=float, default=40, help="chunks a second of each stream")
    parser.add_argument("--seconds", type=float, default=5, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=300, help="of the time to the first word")
    parser.add_argument("--quick", action="store_true", help="only to see that it runs")
    options = parser.parse_args()
    if options.quick:
        options.streams, options.rounds, options.seconds, options.samples = 10, 1, 1, 3
    print(versions())
    print(f"{options.streams} streams, {options.rate:g} chunks/s each, {options.seconds:g} s")
    load = Load(interval=1 / options.rate)
    with ExitStack() as held:
        held.callback(load.close)
        targets = {name: held.enter_context(start(load)) for name, start in TARGETS.items()}
        run = Run(load, targets, options.streams, posted("/chat", QUESTION))
        ratios = [compare(run.measure(options.seconds)) for _ in range(options.rounds)]
        for name, target in targets.items():
            print(f"{name}: RSS {target.worker.memory_info().rss / 1e6:.0f} MB")
        print(f"longest silence of a stream: {run.end() * 1000:.0f} ms")
    print(f"relay cost, median: {statistics.median(ratios):.2f} of the floor")
    if options.samples:
        first = first_word(options.samples)
        print("first word, median ms:", *(f"{n} {ms:.2f}" for n, ms in first.items()))
        print(f"added by the service: {first['service'] - first['direct']:.2f} ms")


if __name__ == "__main__":
    main()
