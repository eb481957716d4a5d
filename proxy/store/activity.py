"""What each worker does, in Redis: told by itself, and forgotten when it is not heard of.

When Redis is gone every verb raises StoreUnavailable.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import orjson

from proxy.domain.activity import Activity, WaitedFor, together
from proxy.store import keyspace
from proxy.store.connection import Command

if TYPE_CHECKING:
    from proxy.store.connection import Store

KEPT_MS = 5_000
"""A worker that is not heard of for so long is dead."""
_REMEMBERED_S = 3_600


def tell(worker: str, doing: Activity) -> list[Command[None]]:
    """Say what a worker does; it holds for KEPT_MS."""
    now, index = int(time.time()), keyspace.workers()
    told = [doing.in_flight, doing.open_streams]
    waits = [[to.scope, to.id, to.model, number] for to, number in doing.waiting]
    return [
        _done("SET", keyspace.worker(worker), orjson.dumps([*told, waits]), "PX", KEPT_MS),
        _done("ZADD", index, now, worker),
        _done("ZREMRANGEBYSCORE", index, "-inf", now - _REMEMBERED_S),
        _done("EXPIRE", index, _REMEMBERED_S),
    ]


def read(store: Store) -> Activity:
    """What all workers do together."""
    workers = store.run(_workers())
    return together(filter(None, store.run_all(*map(_of, workers)))) if workers else together(())


def _workers() -> Command[list[str]]:
    return Command(
        ("ZRANGE", keyspace.workers(), 0, -1), lambda reply: [raw.decode() for raw in reply]
    )


def _of(worker: str) -> Command[Activity | None]:
    return Command(("GET", keyspace.worker(worker)), _activity)


def _activity(told: bytes | None) -> Activity | None:
    if told is None:
        return None
    in_flight, open_streams, waits = orjson.loads(told)
    waiting = tuple((WaitedFor(scope, of, model), number) for scope, of, model, number in waits)
    return Activity(in_flight, open_streams, waiting)


def _done(*arguments: Any) -> Command[None]:
    return Command(arguments, lambda _: None)
