"""What is wrong with a request."""

from __future__ import annotations

from http import HTTPStatus

from proxy.errors.root import ApiError


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


class InvalidMetricsToken(InvalidApiKey):
    """The metrics have a token of their own, and the request does not carry it."""

    def __init__(self) -> None:
        ApiError.__init__(
            self,
            "The metrics' token is needed: send 'Authorization: Bearer ...' with what "
            "PROXY_METRICS_TOKEN holds.",
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


class ForeignPage(OriginNotAllowed):
    """Nobody is asked for a key, and a page that is not the service's own makes a browser ask."""

    def __init__(self, header: str) -> None:
        ApiError.__init__(
            self,
            "No key is asked for here, so only pages of this service may ask: a client key, or an "
            "origin in PROXY_CORS_ORIGINS, lets others in.",
            param=header,
        )


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
