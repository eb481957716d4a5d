"""What ChatGPT, or the way to it, says when it does not answer: told as the service's own errors.

Source: OpenAI's error codes guide and the errors its SDKs raise, as of November 2026.
"""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING, Any

import orjson
import urllib3

from proxy.errors import (
    ApiError,
    UpstreamAuthFailed,
    UpstreamBroken,
    UpstreamError,
    UpstreamQuotaExhausted,
    UpstreamRateLimited,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
    UpstreamUnreachable,
)
from proxy.telemetry import figures

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

EXHAUSTED = re.compile(r"insufficient_quota|credit_balance_exhausted|.*_spend_limit_exceeded")
"""Codes of a 429 that no wait can mend."""

_NEVER_REACHED = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
)
"""No connection was made, so that ChatGPT surely did nothing."""
_RELAYED = {400: 400, 404: 404, 413: 400, 422: 400}
"""Statuses that find fault with the request, and what the caller gets."""

_LONGEST_MESSAGE = 2_000
_LONGEST_WAIT_S = 86_400.0


_OURS = (
    UpstreamError,
    UpstreamQuotaExhausted,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnavailable,
)


CODES = ("upstream_refused", *dict.fromkeys(kind.code for kind in (UpstreamAuthFailed, *_OURS)))
"""What a failure may be counted as."""


def count(error: BaseException | None) -> None:
    """Count a failure of ChatGPT's by its code; of what it finds fault with the codes are its."""
    if isinstance(error, UpstreamRefused):
        figures.upstream_errors.add(1, CODES[0])
    elif isinstance(error, _OURS):
        figures.upstream_errors.add(1, error.code)


def from_answer(
    status: int, headers: Mapping[str, str], body: bytes, hide: Callable[[str], str]
) -> ApiError:
    """The error for an answer that is not 200.

    Args:
        status: its HTTP status.
        headers: its headers.
        body: as much of its body as was read.
        hide: takes out of a text the service's own keys, which no message may repeat.
    """
    error = _error_object(body)
    code = str(error.get("code") or error.get("type") or "")
    if status in {401, 403}:
        return UpstreamAuthFailed(
            "ChatGPT refused the service's own key: its operator has to mend it."
        )
    if status == 429 and EXHAUSTED.fullmatch(code):
        return UpstreamQuotaExhausted(
            "The service's OpenAI account is out of credit: its operator has to mend it."
        )
    if status == 429:
        return UpstreamRateLimited(
            "ChatGPT refused for its own rate limit: try again later.",
            retry_after=retry_after(headers) or 1.0,
        )
    if status in _RELAYED and (error or status != 404):
        message = str(error.get("message") or "ChatGPT refused the request.")
        param = error.get("param")
        return UpstreamRefused(
            _RELAYED[status],
            hide(message)[:_LONGEST_MESSAGE],
            code=hide(code or "invalid_request")[:100],
            param=hide(param)[:200] if isinstance(param, str) else None,
        )
    if status in {408, 504}:
        return UpstreamTimeout("ChatGPT did not answer in time.")
    failed = UpstreamError(f"ChatGPT failed with status {status}.")
    if status < 400 or status == 404:  # the base URL leads elsewhere: its operator's to mend
        failed.should_retry = False
    return failed


def from_exception(error: Exception) -> ApiError:
    """The error for an answer that did not come, or came in part."""
    if isinstance(error, ssl.SSLCertVerificationError):
        failed = UpstreamUnreachable("ChatGPT's certificate is not one that the service trusts.")
        failed.should_retry = False
        return failed
    if isinstance(error, _NEVER_REACHED):
        return UpstreamUnreachable("ChatGPT cannot be reached.")
    if isinstance(error, TimeoutError):
        return UpstreamTimeout("ChatGPT did not answer in time.")
    return UpstreamBroken("The connection to ChatGPT broke before its answer was whole.")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that ChatGPT asks to wait, at most a day; None when it says no such number."""
    for name, scale in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) / scale
        except (KeyError, ValueError):
            continue
        if seconds >= 0:  # which not-a-number is not
            return min(seconds, _LONGEST_WAIT_S)
    return None


def _error_object(body: bytes) -> dict[str, Any]:
    try:
        error = orjson.loads(body)["error"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return {}
    return error if isinstance(error, dict) else {}
