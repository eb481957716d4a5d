"""What the service itself stands in the way with: limits, cancellation, its store."""

from __future__ import annotations

from http import HTTPStatus

from proxy.errors.root import ApiError, Charge


class RateLimitExceeded(ApiError):
    """One of our own buckets is short; `retry_after` is when the same request would pass.

    Attributes:
        scope: whose limit it is; resource: of what.
    """

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "rate_limit_exceeded"

    def __init__(self, message: str, *, scope: str, resource: str, retry_after: float) -> None:
        super().__init__(message, retry_after=retry_after)
        self.scope = scope
        self.type = self.resource = resource


class InsufficientQuota(ApiError):
    """A budget is spent; `retry_after` is when it renews itself.

    Attributes:
        scope: whose budget it is; resource: that it counts money.
    """

    status = HTTPStatus.TOO_MANY_REQUESTS
    type = "insufficient_quota"
    code = "insufficient_quota"
    resource = "usd"
    should_retry = False

    def __init__(self, message: str, *, scope: str, retry_after: float) -> None:
        super().__init__(message, retry_after=retry_after)
        self.scope = scope


class TurnCancelled(ApiError):
    """Somebody asked to stop the turn; what was written is kept as an interrupted turn."""

    status = 499
    type = "cancelled"
    code = "turn_cancelled"
    charge: Charge = "prompt"
    should_retry = False

    def __init__(self) -> None:
        super().__init__("The turn was cancelled.")


class TurnInterrupted(ApiError):
    """The worker that ran the turn is gone or is being stopped; the session can be used again."""

    status = HTTPStatus.BAD_GATEWAY
    code = "turn_interrupted"
    charge: Charge = "prompt"

    def __init__(self) -> None:
        super().__init__("The turn was interrupted before its end: ask again.")


class Overloaded(ApiError):
    """The worker has as much to do as it may."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "overloaded"

    def __init__(self) -> None:
        super().__init__("The service has too much to do: try again shortly.", retry_after=1)


class Draining(ApiError):
    """The service is being stopped and begins nothing new."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "draining"

    def __init__(self) -> None:
        super().__init__("The service is being restarted: try again shortly.", retry_after=1)


class RecordDamaged(ApiError):
    """What is stored cannot be read, and is not handed out; the log names the record."""

    code = "record_damaged"
    should_retry = False

    def __init__(self, kind: str) -> None:
        super().__init__(
            f"What is stored of this {kind} is damaged, or a newer version of the service wrote "
            "it: an operator has to look at it; the log names it."
        )


class TurnsMissing(RecordDamaged):
    """Turns of the session are gone from Redis, which must not drop keys by itself."""

    code = "turns_missing"

    def __init__(self) -> None:
        ApiError.__init__(
            self,
            "Turns of this session are gone from Redis, so it cannot go on as if nothing had been "
            "said: begin a new session.",
            param="session_id",
        )


class StoreUnavailable(ApiError):
    """Redis cannot be asked."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "store_unavailable"
