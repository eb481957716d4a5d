"""What the service refuses, and what goes wrong on the way to it, as one line for a person."""

from __future__ import annotations

from typing import Any

import click
import requests
from urllib3.exceptions import MaxRetryError

LONGEST_WAIT_S = 60.0
"""A longer Retry-After is shown and not waited for."""


class ServiceError(click.ClickException):
    """The service refused, failed, or could not be reached.

    Attributes:
        code: the error's stable name, if the service told one.
        status: the HTTP status; 0 when there was none, or the error came in a stream.
        request_id: the request's id in the service's log.
        wait: seconds after which the same request would pass, if that is worth waiting for.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        status: int = 0,
        request_id: str | None = None,
        retry_after: float | None = None,
        wait: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.wait = wait
        self.request_id = request_id
        self._retry_after = retry_after

    def format_message(self) -> str:
        """One line: the message, then the code, the wait and the request's id."""
        facts = [
            self.code,
            f"retry after {in_seconds(self._retry_after)}" if self._retry_after else None,
            f"request {self.request_id}" if self.request_id else None,
        ]
        known = ", ".join(fact for fact in facts if fact)
        line = " ".join(self.message.split())
        return f"{line} [{known}]" if known else line


class NotThere(ServiceError):
    """Nobody takes the connection."""


class ConnectionLost(ServiceError):
    """The connection broke, or nothing came over it for too long."""


def unreached(url: str, error: requests.RequestException, timeout: float) -> ServiceError:
    """A request that got no answer."""
    if isinstance(error, requests.exceptions.SSLError):
        return ServiceError(f"No secure connection to {url}: {error}")
    if isinstance(error, requests.ReadTimeout):
        return ConnectionLost(f"{url} did not answer within {timeout:g} s.")
    if error.args and isinstance(error.args[0], MaxRetryError):
        return NotThere(
            f"no chat-proxy answers at {url}; start one with 'make run', or set PROXY_URL"
        )
    return broken(url, error)


def broken(url: str, error: Exception) -> ConnectionLost:
    """A connection that broke."""
    return ConnectionLost(f"The connection to {url} broke: {error}")


def refusal(url: str, response: requests.Response) -> ServiceError:
    """An answer that is not 2xx."""
    try:
        error = response.json()["error"]
        message, code = str(error["message"]), error["code"]
    except (ValueError, KeyError, TypeError):
        return not_a_proxy(url, response)
    retry_after = _retry_after(response)
    return ServiceError(
        message,
        code=code,
        status=response.status_code,
        request_id=response.headers.get("X-Request-ID"),
        retry_after=retry_after,
        wait=retry_after if _is_worth_waiting(response, retry_after) else None,
    )


def not_a_proxy(url: str, response: requests.Response) -> ServiceError:
    """An answer that no chat-proxy gives."""
    return ServiceError(
        f"{url} answered {response.status_code} {response.reason}, "
        "but not as a chat-proxy does; is PROXY_URL right?",
        status=response.status_code,
    )


def failure(error: dict[str, Any], request_id: str | None) -> ServiceError:
    """The error that ended a stream: the object in its `error` event."""
    return ServiceError(str(error["message"]), code=error["code"], request_id=request_id)


def in_seconds(wait: float) -> str:
    """A wait for people: 2 s, 0.4 s, 244.8 s."""
    return f"{wait:.1f}".removesuffix(".0") + " s"


def _retry_after(response: requests.Response) -> float | None:
    headers = response.headers
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        return max(0.0, float(headers["Retry-After"]))
    except (KeyError, ValueError):
        return None


def _is_worth_waiting(response: requests.Response, retry_after: float | None) -> bool:
    return (
        response.status_code in {409, 429}
        and retry_after is not None
        and retry_after <= LONGEST_WAIT_S
        and response.headers.get("x-should-retry") != "false"
    )
