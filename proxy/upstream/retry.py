"""When a request to ChatGPT is worth a second try, and how many of all may be tried again."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from proxy.errors import UpstreamRateLimited

if TYPE_CHECKING:
    from proxy.errors import ApiError, Charge

SHARE = 0.1
"""Retries a request earns: under full failure at most a tenth more calls than requests."""
_MOST_SAVED = 10.0
_LONGEST_WAIT_S = 5.0
"""A longer Retry-After is the caller's to wait for."""
_BACKOFF_S = 0.5
_DEARNESS: tuple[Charge, ...] = ("nothing", "request", "prompt")


class Retriable(Exception):
    """An attempt failed before any of an answer was read, so that another one may be made."""

    def __init__(self, error: ApiError) -> None:
        super().__init__()
        self.error = error


class RetryBudget:
    """The retries that all requests of a worker share."""

    def __init__(self) -> None:
        self._saved = _MOST_SAVED

    def earn(self) -> None:
        """A request begins: it earns its share of a retry."""
        self._saved = min(_MOST_SAVED, self._saved + SHARE)

    def spend(self) -> bool:
        """Take one retry if there is one."""
        if self._saved < 1:
            return False
        self._saved -= 1
        return True


def dearer(first: ApiError, second: ApiError) -> ApiError:
    """The failure of the second try, at the cost of the one of both that ChatGPT did more for."""
    second.charge = max(first.charge, second.charge, key=_DEARNESS.index)
    return second


def pause(error: ApiError) -> float | None:
    """Seconds to wait before trying again; None when that cannot help.

    A wait that ChatGPT asks for is kept to, with up to a tenth on top so that not all return at
    once; else between a quarter and half a second.
    """
    if error.should_retry is False:
        return None
    jitter = random.random()  # noqa: S311 - spreads retries, guards nothing
    if isinstance(error, UpstreamRateLimited) and error.retry_after is not None:
        wait = error.retry_after * (1 + jitter / 10)
        return wait if wait <= _LONGEST_WAIT_S else None
    return _BACKOFF_S * (1 + jitter) / 2
