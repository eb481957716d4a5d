"""What is known of the request that is being answered: where its time went, what it used.

Whoever waits for Redis, for ChatGPT or for a turn adds here how long; the access line tells it.
"""

from __future__ import annotations

import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.telemetry import figures
from proxy.telemetry.spans import NOTHING

if TYPE_CHECKING:
    from proxy.domain.conversation import Usage
    from proxy.telemetry.spans import Span, Value


@dataclass(slots=True)
class Current:
    """One request.

    Attributes:
        request_id: its id.
        begun: when it came, on the clock of `time.perf_counter`.
        waiting_s: how long it waited for its turn, or for its session.
        upstream_s: how long it waited for ChatGPT, or listened to it.
        redis_s: how long it waited for Redis otherwise.
        model: which model was asked; likewise usage and cost_usd, once its limits are settled.
        usage: what it used.
        cost_usd: what that cost; None where the price is not known.
        operation: what ChatGPT is asked for, in OpenTelemetry's words for it.
        root: its span, where it is traced; likewise those of its turn and of the step that runs.
        turn: which says what it used.
        step: within which the next one begins.
    """

    request_id: str = ""
    begun: float = 0.0
    waiting_s: float = 0.0
    upstream_s: float = 0.0
    redis_s: float = 0.0
    model: str | None = None
    usage: Usage | None = None
    cost_usd: float | None = None
    operation: str = "chat"
    root: Span = NOTHING
    turn: Span = NOTHING
    step: Span = NOTHING

    def parts(self) -> dict[str, float]:
        """Where its time went until now, in milliseconds; what is left is the service's own."""
        seconds = time.perf_counter() - self.begun
        own_s = max(0.0, seconds - self.waiting_s - self.upstream_s - self.redis_s)
        return {
            "ms": round(seconds * 1000, 2),
            "waiting_ms": round(self.waiting_s * 1000, 2),
            "upstream_ms": round(self.upstream_s * 1000, 2),
            "redis_ms": round(self.redis_s * 1000, 2),
            "own_ms": round(own_s * 1000, 2),
        }


_NOBODY = Current()
"""Takes what is done for no request, such as by the keeper."""
_current: ContextVar[Current] = ContextVar("current", default=_NOBODY)
get = _current.get


def begin(request_id: str) -> Current:
    """A request begins in this greenlet."""
    new = Current(request_id, time.perf_counter())
    _current.set(new)
    return new


def adopt(now: Current) -> None:
    """What this greenlet does from here on, it does for this request."""
    _current.set(now)


def settled(
    model: str,
    used: Usage,
    cost_usd: float | None,
    outcome: str,
    seconds: float,
    first_word_s: float | None,
    key_id: str | None,
) -> None:
    """What the request used is known.

    Args:
        model: a name that may be a label.
        used: tokens.
        cost_usd: what they cost.
        outcome: how it ended, see `proxy.domain.usage.outcome`.
        seconds: how long it took.
        first_word_s: how long until its first word, of one that streamed.
        key_id: its client key, where keys are counted apart.
    """
    now = get()
    now.model, now.usage, now.cost_usd = model, used, cost_usd
    if now.turn is not NOTHING:
        now.turn.tell(_told(now, used, outcome, first_word_s), f"{now.operation} {model}")
    figures.turns.add(1, model, outcome)
    if outcome == "answered":
        figures.turn_seconds.observe(seconds, model)
    if first_word_s is not None:
        figures.first_word_seconds.observe(first_word_s, model)
    for kind, number in (
        ("prompt", used.prompt_tokens),
        ("cached", used.cached_tokens),
        ("completion", used.completion_tokens),
        ("reasoning", used.reasoning_tokens),
    ):
        if number:
            figures.tokens.add(number, model, kind)
    if cost_usd:
        figures.cost.add(cost_usd, model)
    if key_id:
        figures.key_turns.add(1, key_id)
        figures.key_tokens.add(used.total_tokens, key_id)
        figures.key_cost.add(cost_usd or 0, key_id)


def _told(now: Current, used: Usage, outcome: str, first_word_s: float | None) -> dict[str, Value]:
    """What a turn's span says, by OpenTelemetry's conventions for generative AI."""
    return {
        "gen_ai.operation.name": now.operation,
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": now.model,
        "gen_ai.usage.input_tokens": used.prompt_tokens,
        "gen_ai.usage.output_tokens": used.completion_tokens,
        "gen_ai.usage.cache_read.input_tokens": used.cached_tokens,
        "gen_ai.response.time_to_first_chunk": first_word_s,
        "chat_proxy.outcome": outcome,
        "chat_proxy.cost_usd": now.cost_usd,
    }
