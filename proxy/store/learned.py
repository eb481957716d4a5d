"""ChatGPT's own limits in Redis: what it told, and until when nobody may ask.

The limits themselves are buckets like others (store/buckets.py); they are learned here. When Redis
is gone every verb raises StoreUnavailable.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from proxy.domain.limits import Bucket
from proxy.store import keyspace
from proxy.store.connection import Command, script
from proxy.store.packed_limits import MICRO

if TYPE_CHECKING:
    from proxy.domain.upstream_limits import Told, UpstreamLimits
    from proxy.store.server import Argument

MOST_MODELS = 256
"""So many models are learned: an upstream that takes any name must not fill Redis."""

_PAUSED = struct.Struct("=48x d 48x")
"""Until when nobody may ask, in a model's limits as _limits.lua keeps them."""


def buckets(model: str) -> tuple[Bucket, Bucket]:
    """A model's limits of requests and of tokens; Redis knows their rates and bursts."""
    return (
        Bucket("model", model, "requests", 0, 0, learned=True),
        Bucket("model", model, "tokens", 0, 0, learned=True),
    )


def learn(
    model: str,
    told: UpstreamLimits,
    share: float,
    pause_s: float | None = None,
    now_us: int | None = None,
) -> Command[None]:
    """Pull what is known of a model's limits down to what ChatGPT told.

    Args:
        model: which; `upstream_limits.learnable`.
        told: what an answer's headers said.
        share: the part of the limits that is ours to use; the rest is a cushion.
        pause_s: for how long nobody may ask for it; None for no pause.
        now_us: microseconds; Redis's own clock when None.
    """
    keys = (keyspace.limits(buckets(model)[0]), keyspace.learned_models())
    arguments = (
        "" if now_us is None else now_us,
        *_as_arguments(told.requests),
        *_as_arguments(told.tokens),
        share,
        "" if pause_s is None else round(pause_s * MICRO),
        model,
        MOST_MODELS,
    )
    return script("learn", keys, arguments, lambda _: None)


def models() -> Command[list[str]]:
    """The models whose limits are known, the one that was heard of longest ago first."""
    return Command(
        ("ZRANGE", keyspace.learned_models(), 0, -1),
        lambda reply: [raw.decode() for raw in reply],
    )


def paused_until(model: str) -> Command[int]:
    """Until when nobody may ask for a model, in microseconds since 1970; 0 for no pause."""
    return Command(("GET", keyspace.limits(buckets(model)[0])), _paused_until)


def _paused_until(state: bytes | None) -> int:
    return int(_PAUSED.unpack(state)[0]) if state else 0


def _as_arguments(told: Told | None) -> tuple[Argument, ...]:
    if told is None:
        return "", "", ""
    return told.limit * MICRO, told.rate, told.remaining * MICRO
