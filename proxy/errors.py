"""Everything that can go wrong, as one tree; the web layer renders it in OpenAI's error shape.

ProxyError
├── SettingsError             the service cannot start; the sentence says what to mend
└── ApiError                  a caller is answered with status, type, code and param
    ├── InvalidRequest        400
    │   └── ContextLengthExceeded
    ├── InvalidApiKey         401
    │   └── InvalidAdminToken
    ├── ModelNotAllowed       403
    ├── OriginNotAllowed      403
    ├── NotFound              404
    │   ├── SessionNotFound
    │   └── TurnNotFound
    ├── MethodNotAllowed      405
    ├── RequestTimeout        408
    ├── SessionBusy           409
    ├── Conflict              409
    ├── IdempotencyConflict   409
    ├── RequestTooLarge       413
    ├── UnsupportedMediaType  415
    ├── RateLimitExceeded     429  our bucket
    ├── InsufficientQuota     429  a budget is spent
    ├── UpstreamRateLimited   429  ChatGPT's
    ├── TurnCancelled         499  in a stream or a replay
    ├── UpstreamRefused       400, 404  ChatGPT's own refusal of the request, in its words
    ├── UpstreamError         502
    │   ├── UpstreamAuthFailed
    │   ├── UpstreamUnreachable
    │   └── UpstreamBroken   it began, and what it did cannot be used
    ├── TurnInterrupted       502  the worker that streamed it is gone
    ├── StoreUnavailable      503
    ├── UpstreamQuotaExhausted 503
    └── UpstreamTimeout       504
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Literal

Charge = Literal["nothing", "request", "prompt"]

LONGEST_RETRY_S = 60.0
"""A client should not sleep longer than this for one request: beyond it `should_retry` is False.

openai-node ignores a Retry-After above 60 s and retries at once, openai-python one above 120 s.
"""


class ProxyError(Exception):
    """The root: whatever this project raises on purpose."""


class SettingsError(ProxyError):
    """The settings are wrong; the message is the sentence that mends them."""


class ApiError(ProxyError):
    """An answer other than 2xx.

    Attributes:
        status: the HTTP status.
        type: OpenAI's coarse kind of error, e.g. ``invalid_request_error``.
        code: the stable name of the error, as listed in docs/api.md.
        message: one sentence for a person.
        param: the request's field that is at fault, or None.
        retry_after: seconds after which a retry makes sense, or None.
        charge: what a request that ends so costs its caller: ``nothing``; the ``request`` itself
            where ChatGPT was asked; its ``prompt`` too where ChatGPT may have worked on it.
        should_retry: False tells OpenAI's SDKs not to retry by themselves; None leaves it to them.
    """

    status: int = HTTPStatus.INTERNAL_SERVER_ERROR
    type: str = "server_error"
    code: str = "internal_error"
    charge: Charge = "nothing"
    should_retry: bool | None = None

    def __init__(
        self, message: str, *, param: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after = retry_after
        if retry_after is not None and retry_after > LONGEST_RETRY_S:
            self.should_retry = False

    def body(self) -> dict[str, dict[str, str | None]]:
        """The error in OpenAI's shape: message, type, param and code, always all four."""
        return {
            "error": {
                "message": self.message,
                "type": self.type,
                "param": self.param,
                "code": self.code,
            }
        }


class InvalidRequest(ApiError):
    """The request cannot be understood; the message names the field and what would be right."""

    status = HTTPStatus.BAD_REQUEST
    type = "invalid_request_error"
    code = "invalid_request"


class ContextLengthExceeded(InvalidRequest):
    """The message can never fit the model's context window."""

    code = "context_length_exceeded"


class InvalidApiKey(ApiError):
    """No key, an unknown, expired or revoked one: one wording for all, so that none is told."""

    status = HTTPStatus.UNAUTHORIZED
    type = "authentication_error"
    code = "invalid_api_key"

    def __init__(self) -> None:
        super().__init__(
            "A valid client key is needed: send 'Authorization: Bearer sk-proxy-...'. "
            "Keys are made with 'python -m proxy keys create NAME'."
        )


class InvalidAdminToken(InvalidApiKey):
    """No admin token, or another: a client key is none."""

    def __init__(self) -> None:
        ApiError.__init__(
            self,
            "The admin token is needed: send 'Authorization: Bearer ...' with what "
            "PROXY_ADMIN_TOKEN holds.",
        )


class ModelNotAllowed(ApiError):
    """This client key may not use this model."""

    status = HTTPStatus.FORBIDDEN
    type = "permission_error"
    code = "model_not_allowed"


class OriginNotAllowed(ApiError):
    """The browser token is for the pages of another origin."""

    status = HTTPStatus.FORBIDDEN
    type = "permission_error"
    code = "origin_not_allowed"

    def __init__(self, origin: str) -> None:
        super().__init__(f"This token is for pages of {origin} alone.", param="Origin")


class NotFound(ApiError):
    """There is no such thing here, or not for this caller."""

    status = HTTPStatus.NOT_FOUND
    type = "not_found_error"
    code = "not_found"


class SessionNotFound(NotFound):
    """No session of this id belongs to the caller."""

    code = "session_not_found"

    def __init__(self, session_id: str) -> None:
        shown = session_id if len(session_id) <= 64 else session_id[:64] + "…"
        super().__init__(
            f"No session {shown!r} here: it expired, was deleted, or is not yours. "
            "Leave session_id out to begin a new one.",
            param="session_id",
        )


class TurnNotFound(NotFound):
    """The session holds no such turn."""

    code = "turn_not_found"


class MethodNotAllowed(ApiError):
    """The path exists, but not with this method."""

    status = HTTPStatus.METHOD_NOT_ALLOWED
    type = "invalid_request_error"
    code = "method_not_allowed"


class RequestTimeout(ApiError):
    """The request's body did not arrive in time."""

    status = HTTPStatus.REQUEST_TIMEOUT
    type = "invalid_request_error"
    code = "request_timeout"


class SessionBusy(ApiError):
    """Another turn of this session is running."""

    status = HTTPStatus.CONFLICT
    type = "conflict_error"
    code = "session_busy"


class Conflict(ApiError):
    """What is asked for does not go with what is there; the message says what stands against it."""

    status = HTTPStatus.CONFLICT
    type = "conflict_error"
    code = "conflict"
    should_retry = False


class IdempotencyConflict(ApiError):
    """The Idempotency-Key was used before, for another request."""

    status = HTTPStatus.CONFLICT
    type = "conflict_error"
    code = "idempotency_conflict"
    should_retry = False


class RequestTooLarge(ApiError):
    """The request's body is larger than the service takes."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    type = "invalid_request_error"
    code = "request_too_large"


class UnsupportedMediaType(ApiError):
    """The body is neither JSON nor plain text."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    type = "invalid_request_error"
    code = "unsupported_media_type"


class RateLimitExceeded(ApiError):
    """One of our own buckets is short; `retry_after` is when the same request would pass."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "rate_limit_exceeded"

    def __init__(self, message: str, *, resource: str, retry_after: float) -> None:
        super().__init__(message, retry_after=retry_after)
        self.type = resource


class InsufficientQuota(ApiError):
    """A budget is spent; `retry_after` is when it renews itself."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    type = "insufficient_quota"
    code = "insufficient_quota"
    should_retry = False


class UpstreamRateLimited(ApiError):
    """ChatGPT refused for its own limits, after our retries."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    type = "requests"
    code = "upstream_rate_limited"
    charge: Charge = "request"


class TurnCancelled(ApiError):
    """Somebody asked to stop the turn; what was written is kept as an interrupted turn."""

    status = 499
    type = "cancelled"
    code = "turn_cancelled"
    charge: Charge = "prompt"
    should_retry = False

    def __init__(self) -> None:
        super().__init__("The turn was cancelled.")


class UpstreamRefused(ApiError):
    """ChatGPT finds fault with the request itself; its words, code and param are passed on."""

    type = "invalid_request_error"
    charge: Charge = "request"

    def __init__(self, status: int, message: str, *, code: str, param: str | None = None) -> None:
        super().__init__(message, param=param)
        self.status = status
        self.code = code


class UpstreamError(ApiError):
    """ChatGPT failed, could not be reached, or answered what cannot be understood."""

    status = HTTPStatus.BAD_GATEWAY
    code = "upstream_error"
    charge: Charge = "request"


class UpstreamAuthFailed(UpstreamError):
    """ChatGPT refused the service's own key: the operator's to mend, never the caller's 401."""

    code = "upstream_auth_failed"
    should_retry = False


class TurnInterrupted(ApiError):
    """The worker that streamed the turn is gone; the session can be used again."""

    status = HTTPStatus.BAD_GATEWAY
    code = "turn_interrupted"

    def __init__(self) -> None:
        super().__init__("The turn was interrupted before its end: ask again.")


class UpstreamUnreachable(UpstreamError):
    """No connection to ChatGPT was made: it surely did nothing."""

    charge: Charge = "nothing"


class UpstreamBroken(UpstreamError):
    """ChatGPT was reached, but its answer did not come whole or cannot be understood."""

    charge: Charge = "prompt"


class StoreUnavailable(ApiError):
    """Redis cannot be asked."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "store_unavailable"


class UpstreamQuotaExhausted(ApiError):
    """The OpenAI account is out of credit: no retry can help."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "upstream_quota_exhausted"
    charge: Charge = "request"
    should_retry = False


class UpstreamTimeout(ApiError):
    """ChatGPT was reached and did not answer in time."""

    status = HTTPStatus.GATEWAY_TIMEOUT
    code = "upstream_timeout"
    charge: Charge = "prompt"
