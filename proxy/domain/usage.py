"""What a request is counted as: its tokens, its cost, how long it took, how it ended."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from proxy.domain.limits import NANO
from proxy.errors import UpstreamQuotaExhausted, UpstreamRateLimited

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from proxy.domain.conversation import Usage
    from proxy.errors import ApiError

Metrics = dict[str, int]
"""Amounts by metric; what is zero is left out."""

Outcome = Literal["answered", "refused", "failed", "stopped"]
"""Answered to its end; refused by ChatGPT for its own limits; failed, here or there; stopped by
somebody, or the request's own fault."""

FIRST_BOUND_S = 0.05
BOUNDS = 14
"""Histograms count in steps that double: up to 0.05 s, 0.1 s, ... 204.8 s, 409.6 s, and above."""

_SECONDS = tuple(f"seconds_{number}" for number in range(BOUNDS + 1))
_FIRST_WORD = tuple(f"first_word_{number}" for number in range(BOUNDS + 1))
METRICS = (
    "requests",
    "refused",
    "refused_upstream",
    "shadowed",
    "errors",
    "prompt_tokens",
    "cached_tokens",
    "completion_tokens",
    "reasoning_tokens",
    "estimated",
    "cost_nano",
    "unpriced",
    *_SECONDS,
    *_FIRST_WORD,
)
"""All metrics. Redis knows them by their place in here: new ones go to the end."""

REFUSED: Metrics = {"refused": 1}
"""A request that one of our limits refused."""


def asked(
    used: Usage,
    cost_usd: float | None,
    failure: ApiError | None,
    seconds: float,
    first_word_s: float | None,
) -> Metrics:
    """A request that our limits let through.

    Args:
        used: what it used; nothing if ChatGPT was not reached.
        cost_usd: what that cost; None for a model without a known price.
        failure: why it was not answered to its end, if it was not.
        seconds: how long it took, from the moment it was understood, waiting included.
        first_word_s: how long until its first word, of one that streamed.
    """
    metrics = {
        "requests": 1,
        "prompt_tokens": used.prompt_tokens,
        "cached_tokens": used.cached_tokens,
        "completion_tokens": used.completion_tokens,
        "reasoning_tokens": used.reasoning_tokens,
        "estimated": int(used.estimated),
        "cost_nano": nano(cost_usd) if cost_usd is not None else 0,
        "unpriced": int(cost_usd is None and used.total_tokens > 0),
    }
    ended = outcome(failure)
    if ended == "answered":
        metrics[_SECONDS[step(seconds)]] = 1
    elif ended == "refused":
        metrics["refused_upstream"] = 1
    elif ended == "failed":
        metrics["errors"] = 1
    if first_word_s is not None:
        metrics[_FIRST_WORD[step(first_word_s)]] = 1
    return {name: amount for name, amount in metrics.items() if amount}


def outcome(failure: ApiError | None) -> Outcome:
    """How a request ended that our limits let through."""
    if failure is None:
        return "answered"
    if isinstance(failure, UpstreamRateLimited | UpstreamQuotaExhausted):
        return "refused"
    return "failed" if failure.status >= 500 else "stopped"


SHADOWED: Metrics = {"shadowed": 1}
"""A request that our limits let through, and that a shadow limit would have refused."""


def nano(usd: float) -> int:
    """Billionths of a USD, rounded up, so that no request is free."""
    return math.ceil(round(usd * NANO, 3))


def step(seconds: float) -> int:
    """Which step of a histogram a time is counted in, from 0."""
    if seconds <= FIRST_BOUND_S:
        return 0
    return min(BOUNDS, math.ceil(math.log2(seconds / FIRST_BOUND_S)))


def summed(all_metrics: Iterable[Mapping[str, int]]) -> Metrics:
    """Several metrics together."""
    sums: Metrics = {}
    for metrics in all_metrics:
        for name, amount in metrics.items():
            sums[name] = sums.get(name, 0) + amount
    return sums


def percentile(counts: Sequence[int], share: float) -> float | None:
    """The time in seconds within which this share of what a histogram counted was done.

    Within its step it is interpolated, as if the step's times were spread evenly; of the last step,
    which has no end, it is the beginning. None if nothing was counted.
    """
    rank, below = share * sum(counts), 0
    if not rank:
        return None
    for number, count in enumerate(counts):
        if count and below + count >= rank:
            begin = FIRST_BOUND_S * 2.0 ** (number - 1) if number else 0.0
            end = begin if number == BOUNDS else FIRST_BOUND_S * 2.0**number
            return round(begin + (end - begin) * (rank - below) / count, 4)
        below += count
    return FIRST_BOUND_S * 2.0 ** (BOUNDS - 1)


def figures(metrics: Mapping[str, int]) -> dict[str, Any]:
    """Metrics as a reader is shown them: tokens, USD, seconds."""

    def of(name: str) -> int:
        return metrics.get(name, 0)

    return {
        "requests": of("requests"),
        "refused": of("refused"),
        "refused_upstream": of("refused_upstream"),
        "shadowed": of("shadowed"),
        "errors": of("errors"),
        "prompt_tokens": of("prompt_tokens"),
        "cached_tokens": of("cached_tokens"),
        "completion_tokens": of("completion_tokens"),
        "reasoning_tokens": of("reasoning_tokens"),
        "total_tokens": of("prompt_tokens") + of("completion_tokens"),
        "cost_usd": of("cost_nano") / NANO,
        "unpriced_requests": of("unpriced"),
        "estimated_requests": of("estimated"),
        "latency": _percentiles([of(name) for name in _SECONDS]),
        "first_word": _percentiles([of(name) for name in _FIRST_WORD]),
    }


def _percentiles(counts: Sequence[int]) -> dict[str, float | None]:
    return {
        "p50_s": percentile(counts, 0.5),
        "p95_s": percentile(counts, 0.95),
        "p99_s": percentile(counts, 0.99),
    }
