"""What a whole answer costs: `python -m bench.answers`, or `make bench`.

The service with everything on (a client key, limits of the key, its team and all, sessions, usage,
metrics, logs) beside bench/floor.py, in turns and in several rounds, one worker each on a core of
its own; Redis, ChatGPT (nginx) and the load (wrk) share the other cores.
"""

from __future__ import annotations

import argparse
import os
import statistics
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson
import requests

from bench.machine import keep_to, versions
from bench.nginx import Nginx
from bench.targets import floor, service
from bench.wrk import Told, post
from proxy.embedded import EmbeddedRedis
from tests.support.keys import form_team, issue

if TYPE_CHECKING:
    from bench.targets import Target

MANY = 32
SESSIONS, TURNS = 1_000, 20
_AMPLE = {"rpm": 100_000_000, "tpm": 900_000_000}
ASKED = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "What is a proxy? " * 5}]}


@dataclass
class Case:
    """What is asked, of whom.

    Attributes:
        name: as it stands in the table.
        url: where.
        bodies: what is posted.
        key: with which client key.
        worker: who answers.
        many: what came at MANY connections, in each round.
        single: likewise at one.
        cpu_us: the worker's time for an answer at MANY connections, in each round.
        single_cpu_us: likewise at one.
    """

    name: str
    url: str
    bodies: list[str]
    key: str = ""
    worker: Target | None = None
    many: list[Told] = field(default_factory=list)
    single: list[Told] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    single_cpu_us: list[float] = field(default_factory=list)

    def measure(self, seconds: float) -> None:
        """One round."""
        for connections, told, spent in (
            (MANY, self.many, self.cpu_us),
            (1, self.single, self.single_cpu_us),
        ):
            before = self._cpu_s()
            told.append(post(self.url, self.bodies, self.key, connections, seconds))
            spent.append((self._cpu_s() - before) / told[-1].answers * 1e6)

    def added(self, direct: Case) -> float:
        """Milliseconds that the median answer took more than directly, one at a time."""
        return self._p50() - direct._p50()

    def row(self, floor: Case, direct: Case) -> str:
        """Medians of all rounds, and of the ratios to the floor in each of them."""
        per_s = statistics.median(told.per_s for told in self.many)
        pairs = zip(self.many, floor.many, strict=True)
        ratio = statistics.median(own.per_s / its.per_s for own, its in pairs)
        costs = zip(floor.cpu_us, self.cpu_us, strict=True)
        cheaper = statistics.median(its / own for its, own in costs) if self.worker else 0.0
        cpu = (f"{statistics.median(us):,.0f} us" for us in (self.cpu_us, self.single_cpu_us))
        memory = f"{self.worker.worker.memory_info().rss / 1e6:.0f} MB" if self.worker else ""
        errors = sum(told.errors for told in self.many + self.single)
        ms = (f"{self._p50():.2f} ms", f"{self.added(direct):.2f} ms")
        shares = (f"{ratio:.2f}", *cpu, f"{cheaper:.2f}")
        told = (self.name, f"{per_s:,.0f}", *shares, *ms, memory, str(errors))
        return f"| {' | '.join(told)} |"

    def _cpu_s(self) -> float:
        """What the worker, with all its threads, has computed so far."""
        return sum(self.worker.worker.cpu_times()[:2]) if self.worker else 0.0

    def _p50(self) -> float:
        return statistics.median(told.p50_ms for told in self.single)


def sessions(target: Target, key: str, many: int, turns: int) -> list[str]:
    """Questions for as many sessions, each of which had its turns already."""
    asked = {"message": "What is a proxy? " * 5, "model": "gpt-6-luna"}
    headers = {"Authorization": f"Bearer {key}"}
    bodies = []
    with requests.Session() as client:
        for _ in range(many):
            body = dict(asked)
            for _ in range(turns):
                answer = client.post(f"{target.url}/chat", json=body, headers=headers, timeout=60)
                answer.raise_for_status()
                body["session_id"] = answer.json()["session_id"]
            bodies.append(orjson.dumps(body).decode())
    return bodies


def cases(held: ExitStack, many_sessions: int) -> list[Case]:
    """Start everything; what is measured, the direct way and the floor first."""
    nginx = held.enter_context(Nginx())
    redis = held.enter_context(EmbeddedRedis())
    least = held.enter_context(floor(nginx.url, redis.url))
    limits = {"PROXY_UPSTREAM_RPM": str(_AMPLE["rpm"]), "PROXY_UPSTREAM_TPM": str(_AMPLE["tpm"])}
    ours = held.enter_context(service(redis.url, nginx.url, **limits))
    assert ours.redis
    team = form_team(ours.redis, **_AMPLE)
    key = issue(ours.redis, **_AMPLE, max_parallel=1_000, team=team)[1]
    keep_to([least.worker.pid, ours.worker.pid], 0)
    plain, new = orjson.dumps(ASKED).decode(), orjson.dumps({"message": "What is a proxy? " * 5})
    old = sessions(ours, key, many_sessions, TURNS)
    path = "/v1/chat/completions"
    return [
        Case("direct: nginx", nginx.url + "/chat/completions", [plain]),
        Case("floor", least.url + path, [plain], worker=least),
        Case(path, ours.url + path, [plain], key, ours),
        Case("/chat, new session each", ours.url + "/chat", [new.decode()], key, ours),
        Case(f"/chat, sessions of {TURNS} turns", ours.url + "/chat", old, key, ours),
    ]


def keep_away() -> None:
    """Leave the first core to what is measured; what is started from here on keeps away too."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        keep_to([os.getpid()], cores[1])


def measured(asked: list[Case], rounds: int, seconds: float) -> None:
    """Measure all in turns."""
    for number in range(rounds):
        for case in asked:
            case.measure(seconds)
        print(f"round {number + 1} of {rounds}", flush=True)


def printed(asked: list[Case], least: Case, direct: Case) -> None:
    """Print the table."""
    print(f"\n| one worker | answers/s, {MANY} at a time | of the floor", end="")
    print(" | CPU of an answer | one at a time | CPU of the floor by it", end="")
    print(" | p50, one at a time | added | RSS | errors |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for case in asked:
        print(case.row(least, direct))


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.answers", description=__doc__)
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="only to see that it runs")
    options = parser.parse_args()
    rounds, seconds = (1, 1) if options.quick else (options.rounds, options.seconds)
    print(versions())
    keep_away()
    with ExitStack() as held:
        asked = cases(held, 2 if options.quick else SESSIONS)
        measured(asked, rounds, seconds)
        printed(asked, asked[1], asked[0])


if __name__ == "__main__":
    main()
