"""Which errors a route may answer with, as GET /openapi.json describes them."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from proxy import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.web.operation import Operation

Refusal = type[errors.ApiError]

_BODY = (
    errors.InvalidRequest,
    errors.RequestTimeout,
    errors.RequestTooLarge,
    errors.UnsupportedMediaType,
)
_MISSING: dict[str, Refusal] = {
    "session_id": errors.SessionNotFound,
    "turn_id": errors.TurnNotFound,
    "key_id": errors.NotFound,
    "team_id": errors.NotFound,
}
_CHATGPT = (
    errors.UpstreamRateLimited,
    errors.UpstreamError,
    errors.UpstreamAuthFailed,
    errors.UpstreamQuotaExhausted,
    errors.UpstreamTimeout,
    errors.UpstreamUnavailable,
)
_ANSWERING = (
    errors.ModelNotAllowed,
    errors.IdempotencyConflict,
    errors.RateLimitExceeded,
    errors.InsufficientQuota,
    errors.Draining,
)


def of(operation: Operation) -> list[Refusal]:
    """The errors of a route, by status."""
    return sorted(set(_all(operation)), key=lambda error: (error.status, error.code))


def meaning(error: Refusal) -> str:
    """What an error says, in a sentence."""
    return (inspect.getdoc(error) or "").splitlines()[0]


def _all(operation: Operation) -> Iterator[Refusal]:
    yield from operation.errors
    yield from _for_who_asks(operation)
    if operation.body or operation.asks:
        yield from _BODY
    if operation.query:
        yield errors.InvalidRequest
    yield from (_MISSING[one.name] for one in operation.in_path if one.name in _MISSING)
    if operation.answer == "Turn" or "{session_id}" in operation.path:
        yield errors.TurnsMissing
    if operation.answer in {"Turn", "OpenAI"}:
        yield from _CHATGPT
    if operation.asks:
        yield from _ANSWERING


def _for_who_asks(operation: Operation) -> Iterator[Refusal]:
    if operation.open:
        return
    yield errors.StoreUnavailable
    yield errors.RecordDamaged
    yield errors.Overloaded
    if operation.opened_by == "admin_token":
        yield errors.InvalidAdminToken
        yield errors.NotFound
    else:
        yield errors.InvalidApiKey
        yield errors.OriginNotAllowed
