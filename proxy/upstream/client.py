"""ChatGPT over requests: one POST, with a deadline, bounded bytes, and at most one retry.

A prepared request goes straight through the HTTP adapter: no redirect is followed, no proxy,
.netrc or other environment is looked at, and it costs half of `requests.post`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import gevent
import orjson
import requests
import urllib3
from requests.adapters import HTTPAdapter

from proxy import __version__
from proxy.errors import UpstreamBroken, UpstreamError, UpstreamRateLimited, UpstreamTimeout
from proxy.telemetry import logs
from proxy.upstream import completion, failures
from proxy.upstream.retry import Retriable, RetryBudget, pause

if TYPE_CHECKING:
    from proxy.settings import Settings
    from proxy.upstream.completion import Completion

_FAILED = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)
_CHUNK = 65_536


class Upstream:
    """The way to ChatGPT, with the service's own key."""

    def __init__(self, settings: Settings) -> None:
        self._base = settings.openai_base_url
        self._key = settings.openai_api_key.get_secret_value()
        self._timeout = (settings.upstream_connect_timeout, settings.upstream_read_timeout)
        self._total = settings.upstream_total_timeout
        self._most_bytes = settings.upstream_max_bytes
        self._headers = _headers(settings, self._key)
        self._adapter = HTTPAdapter(pool_connections=1, pool_maxsize=256, max_retries=0)
        self._budget = RetryBudget()

    def complete(self, payload: dict[str, Any]) -> Completion:
        """Ask for a chat completion.

        Raises:
            UpstreamRefused: ChatGPT finds fault with the request.
            UpstreamRateLimited, UpstreamQuotaExhausted: it refuses for its own limits.
            UpstreamAuthFailed: it refuses the service's key.
            UpstreamTimeout: it did not answer in time.
            UpstreamError: it failed, could not be reached, or cannot be understood.
        """
        body = orjson.dumps(payload)
        deadline = time.monotonic() + self._total
        self._budget.earn()
        try:
            return self._attempt(body, deadline)
        except Retriable as failed:
            wait = pause(failed.error)
            if wait is None or time.monotonic() + wait > deadline or not self._budget.spend():
                raise failed.error from None
        gevent.sleep(wait)
        try:
            return self._attempt(body, deadline)
        except Retriable as failed:
            raise failed.error from None

    def _attempt(self, body: bytes, deadline: float) -> Completion:
        left = deadline - time.monotonic()
        late = UpstreamTimeout("ChatGPT did not finish its answer in time.")
        with gevent.Timeout(max(0.001, left), late):
            status, headers, answer = self._post("/chat/completions", body)
        if status == 200:
            return completion.parse(answer)
        error = failures.from_answer(status, headers, answer, self._key)
        logs.problem("upstream", error, status=status, upstream_request=headers.get("x-request-id"))
        if headers.get("x-should-retry") == "false":
            error.should_retry = False
        if isinstance(error, UpstreamError | UpstreamRateLimited):
            raise Retriable(error)
        raise error

    def _post(self, path: str, body: bytes) -> tuple[int, Any, bytes]:
        request = requests.PreparedRequest()
        request.method, request.url, request.body = "POST", self._base + path, body
        request.headers = requests.structures.CaseInsensitiveDict(self._headers)
        request.headers["Content-Length"] = str(len(body))
        try:
            response = self._adapter.send(
                request, stream=True, timeout=self._timeout, verify=True, proxies={}
            )
        except _FAILED as error:
            logs.problem("upstream", error)
            failure = failures.from_exception(error)
            if isinstance(failure, UpstreamTimeout):
                raise failure from None
            raise Retriable(failure) from None
        try:
            return response.status_code, response.headers, self._read(response.raw)
        except _FAILED as error:
            logs.problem("upstream", error)
            raise failures.from_exception(error) from None
        finally:
            response.close()

    def _read(self, raw: Any) -> bytes:
        body = bytearray()
        while chunk := raw.read(_CHUNK, decode_content=False):
            body += chunk
            if len(body) > self._most_bytes:
                raise UpstreamBroken("ChatGPT's answer is larger than the service takes.")
        return bytes(body)

    def close(self) -> None:
        """Close every connection."""
        self._adapter.close()


def _headers(settings: Settings, key: str) -> dict[str, str]:
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": f"chat-proxy/{__version__}",
    }
    if settings.openai_organization:
        headers["OpenAI-Organization"] = settings.openai_organization
    if settings.openai_project:
        headers["OpenAI-Project"] = settings.openai_project
    return headers
