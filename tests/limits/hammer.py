"""A worker that does nothing but reserve and settle, as fast as it goes, and notes what it got.

Its arguments are the URL of Redis, a number that its dice begin with, and the name that all ids of
the run begin with. It says `ready`, begins at a line on standard input, and ends, with its notes as
JSON, at its end.
"""

from __future__ import annotations

import heapq
import json
import random
import sys
import threading
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from proxy.domain.identifiers import new_turn_id
from proxy.domain.limits import Bucket, Limits
from proxy.settings import load
from proxy.store.buckets import reserve, settle
from proxy.store.connection import Store, time_us

if TYPE_CHECKING:
    from proxy.store.buckets import Reserved
    from proxy.store.connection import Command

KEYS = {"ada": "x", "bob": "x", "cyd": "x", "dan": "y", "eve": "y", "fay": "y"}
"""Six keys of two teams."""
KEY = Limits(rpm=1_200, tpm=240_000, burst=10, max_parallel=4)
TEAM = Limits(tpm=480_000, max_parallel=10)
UPSTREAM_TPM, UPSTREAM_BURST = 600_000, 3_000
COSTS = (20, 200)


@dataclass
class Notes:
    """What one worker was given.

    Attributes:
        asked: tokens that it asked for, given or refused.
        log: of each reserve that was granted and each settle: Redis's time before and after it in
            microseconds, the key, and what it added to the tokens, requests and places taken.
    """

    asked: int = 0
    log: list[tuple[int, int, str, int, int, int]] = field(default_factory=list)


def buckets(run: str, key: str) -> tuple[Bucket, ...]:
    """All limits of a key: its own, its team's, and what all share."""
    team = KEYS[key]
    shared = Bucket("upstream", run, "tokens", UPSTREAM_TPM, UPSTREAM_BURST)
    own = KEY.buckets("key", f"{run}-{key}")
    tokens_burst = 2_000
    own = tuple(
        Bucket(b.scope, b.id, b.resource, b.rate, tokens_burst) if b.resource == "tokens" else b
        for b in own
    )
    return (*own, *TEAM.buckets("team", f"{run}-{team}"), shared)


def hammer(store: Store, run: str, dice: random.Random, end: threading.Event) -> Notes:
    """Reserve and settle until it is the end; then settle what is left."""
    notes, running = Notes(), list[tuple[int, str, str, int]]()
    limits = {key: buckets(run, key) for key in KEYS}
    now = 0
    while running or not end.is_set():
        while running and (running[0][0] <= now or end.is_set()):
            _, turn, key, cost = heapq.heappop(running)
            used = round(cost * dice.uniform(0.2, 1.5))
            command = settle(turn, limits[key], {"requests": 1, "tokens": used})
            _, now = _noted(store, notes, command, (key, used - cost, 0, -1))
        if end.is_set():
            continue
        key, cost, turn = dice.choice(list(KEYS)), dice.randint(*COSTS), new_turn_id()
        costs = {"requests": 1, "tokens": cost, "concurrency": 1}
        command = reserve(turn, limits[key], costs)
        notes.asked += cost
        granted, now = _noted(store, notes, command, (key, cost, 1, 1))
        if granted:
            heapq.heappush(running, (now + dice.randint(0, 50_000), turn, key, cost))
    return notes


def _noted(
    store: Store, notes: Notes, command: Command[Reserved], effect: tuple[str, int, int, int]
) -> tuple[bool, int]:
    before, done, after = store.run_all(time_us(), command, time_us())
    if done.granted:
        notes.log.append((before, after, *effect))
    return done.granted, after


def main(url: str, number: int, run: str) -> None:
    """Hammer until standard input ends."""
    store = Store(
        load({"REDIS_URL": url, "OPENAI_API_KEY": "sk-none", "PROXY_REDIS_TIMEOUT": "30"})
    )
    end, found = threading.Event(), list[Notes]()
    store.run(time_us())
    print("ready", flush=True)
    sys.stdin.readline()
    work = threading.Thread(
        target=lambda: found.append(hammer(store, run, random.Random(number), end))
    )
    work.start()
    sys.stdin.read()
    end.set()
    work.join()
    print(json.dumps(asdict(found[0])))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
