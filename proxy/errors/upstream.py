"""What ChatGPT did."""

from __future__ import annotations

from http import HTTPStatus

from proxy.errors.root import ApiError, Charge


class UpstreamRateLimited(ApiError):
    """ChatGPT refused for its own limits, after our retries."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    type = "requests"
    code = "upstream_rate_limited"
    charge: Charge = "request"


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


class UpstreamUnreachable(UpstreamError):
    """No connection to ChatGPT was made: it surely did nothing."""

    charge: Charge = "nothing"


class UpstreamBroken(UpstreamError):
    """ChatGPT was reached, but its answer did not come whole or cannot be understood."""

    charge: Charge = "prompt"


class UpstreamUnavailable(ApiError):
    """ChatGPT failed again and again: it is not asked until `retry_after`."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "upstream_unavailable"


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
