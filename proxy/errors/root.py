"""The roots of the tree, and what every answer other than 2xx knows."""

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
