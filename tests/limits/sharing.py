"""The limit that all callers share: how much it holds, and who waits for it."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from proxy.domain.limits import Bucket, Room
from proxy.store import keyspace
from proxy.store.connection import Command, time_us
from proxy.store.packed_limits import MICRO

if TYPE_CHECKING:
    from proxy.store.connection import Store
    from tests.support.simulator import Control

RPM = 600
"""What the tests of waiting let all callers share: ten a second."""
MODEL = "gpt-6-luna"
"""The default model."""
NOTHING = -1_000_000
"""A balance that does not recover within a test."""


def upstream(rpm: int = RPM) -> Bucket:
    """`PROXY_UPSTREAM_RPM`."""
    return Bucket("upstream", keyspace.UPSTREAM, "requests", rpm, rpm)


def set_level(store: Store, units: int, rpm: int = RPM) -> None:
    """Let the shared limit hold so many requests now."""
    now = store.run(time_us())
    state = struct.pack("=9d", now + 60 * MICRO, units * MICRO, now, 0, 0, 0, 0, 0, 0)
    store.run(Command(("SET", keyspace.limits(upstream(rpm)), state), bool))


def flows_waiting(store: Store) -> int:
    """How many callers wait: all who ask for a model stand in its room, the first one beyond it."""
    waiting, _ = keyspace.room(Room("model", MODEL, ""))
    return store.run(Command(("ZCARD", waiting), int))


def asked_of(chatgpt: Control) -> list[str]:
    """The newest message of each request that ChatGPT got, in their order."""
    return [request.body["messages"][-1]["content"] for request in chatgpt.requests()]
