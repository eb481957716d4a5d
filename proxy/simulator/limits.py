"""The rate limits that answers advertise, and that hold when a test wants them to."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from proxy.simulator.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

_MINUTE_S = 60.0


@dataclass(slots=True)
class _Bucket:
    """So many a minute, refilled continuously."""

    limit: int
    clock: Callable[[], float]
    level: float = field(init=False)
    updated: float = field(init=False)

    def __post_init__(self) -> None:
        self.level = self.limit
        self.updated = self.clock()

    def refill(self) -> None:
        now = self.clock()
        grown = (now - self.updated) * self.limit / _MINUTE_S
        self.level = min(self.limit, self.level + grown)
        self.updated = now

    def seconds_until(self, level: float) -> float:
        return max(0.0, level - self.level) * _MINUTE_S / self.limit


class Limits:
    """Requests and tokens a minute, in OpenAI's headers.

    Unless they are enforced they are only told: what remains stops at 0.
    """

    def __init__(
        self,
        requests: int | None = 30_000,
        tokens: int | None = 150_000_000,
        *,
        enforce: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin with everything left.

        Args:
            requests: requests a minute; None leaves their headers out.
            tokens: tokens a minute; None leaves their headers out.
            enforce: refuse what goes beyond.
            clock: tells the time in seconds.
        """
        self._enforce = enforce
        wanted = {"requests": requests, "tokens": tokens}
        self._buckets = {name: _Bucket(limit, clock) for name, limit in wanted.items() if limit}

    def spend(self, model: str, tokens: int) -> None:
        """Count one request with so many tokens.

        Raises:
            Refusal: 429 `rate_limit_exceeded`, with the wait; nothing is counted then.
        """
        cost = {"requests": 1, "tokens": tokens}
        for name, bucket in self._buckets.items():
            bucket.refill()
            if self._enforce and bucket.level < cost[name]:
                raise _exceeded(model, name, bucket, cost[name])
        for name, bucket in self._buckets.items():
            bucket.level = max(0.0, bucket.level - cost[name])

    @property
    def headers(self) -> dict[str, str]:
        """`x-ratelimit-{limit,remaining,reset}-{requests,tokens}`."""
        told = {}
        for name, bucket in self._buckets.items():
            told[f"x-ratelimit-limit-{name}"] = str(bucket.limit)
            told[f"x-ratelimit-remaining-{name}"] = str(int(bucket.level))
            told[f"x-ratelimit-reset-{name}"] = go_duration(bucket.seconds_until(bucket.limit))
        return told


def _exceeded(model: str, name: str, bucket: _Bucket, cost: int) -> Refusal:
    wait_s = bucket.seconds_until(cost)
    short = {"requests": "RPM", "tokens": "TPM"}[name]
    return Refusal(
        f"Rate limit reached for {model} in organization org-simulated on {name} per min "
        f"({short}): Limit {bucket.limit}, Used {bucket.limit - int(bucket.level)}, Requested "
        f"{cost}. Please try again in {go_duration(wait_s)}. Visit "
        "https://platform.openai.com/account/rate-limits to learn more.",
        status=429,
        kind=name,
        code="rate_limit_exceeded",
        headers={
            "retry-after": str(math.ceil(wait_s)),
            "retry-after-ms": str(math.ceil(wait_s * 1000)),
        },
    )


def go_duration(seconds: float) -> str:
    """Seconds as Go writes a duration, to the millisecond: 12ms, 1.5s, 6m0s, 1h0m0s."""
    milliseconds = math.ceil(seconds * 1000)
    if milliseconds == 0:
        return "0s"
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    written = f"{rest / 1000:g}s"
    if hours:
        return f"{hours}h{minutes}m{written}"
    return f"{minutes}m{written}" if minutes else written
