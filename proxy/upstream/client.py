"""ChatGPT over HTTP: one POST, with a deadline, bounded bytes, and at most one retry.

No redirect is followed; no proxy, .netrc or other environment is looked at.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import gevent
import orjson

from proxy import __version__
from proxy.domain.breaker import Breaker
from proxy.errors import (
    ApiError,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from proxy.telemetry import current, figures, logs, traces
from proxy.upstream import completion, failures
from proxy.upstream.answer import FAILED, Answer, late
from proxy.upstream.keys import Keys
from proxy.upstream.retry import Retriable, RetryBudget, dearer, pause
from proxy.upstream.wires import Wires

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from proxy.domain.breaker import State
    from proxy.settings import Settings
    from proxy.upstream.completion import Completion

CHAT = "/chat/completions"
EMBEDDINGS = "/embeddings"
_OPERATIONS = {EMBEDDINGS: "embeddings"}
_MOST_REFUSAL_BYTES = 1_048_576
_MOST_TURN_BYTES = 4_194_304
"""Several times what the longest answer of a model takes; what is parsed takes more in memory."""
_MOST_WHOLE_BYTES = 16_777_216
"""Passed on as it came, maybe with pictures; only embeddings of many texts are larger."""


class Upstream:
    """The way to ChatGPT, with the service's own keys.

    Attributes:
        streamed: what a streamed chat completion asks for: usage always, and of OpenAI no padding
            against listeners, which its upstreams of the ``compatible`` profile do not know.
        told: is told the model and the headers of each answer.
        refused: is told the model and the wait when ChatGPT refuses for its own limits.
    """

    def __init__(self, settings: Settings) -> None:
        self._keys = Keys(settings.upstream_keys)
        self._total = settings.upstream_total_timeout
        self._stream_total = settings.upstream_stream_timeout
        self._most_bytes = settings.upstream_max_bytes
        self._tells_traces = settings.traces_upstream
        self._wires = Wires(
            settings.openai_base_url,
            _headers(settings),
            verify=settings.upstream_ca_file or True,
            connect_timeout=settings.upstream_connect_timeout,
            read_timeout=settings.upstream_read_timeout,
        )
        self._budget = RetryBudget()
        self._breaker = Breaker(
            settings.upstream_breaker_failures,
            settings.upstream_breaker_open,
            settings.upstream_breaker_open_max,
        )
        options = {"include_usage": True}
        if settings.upstream_profile == "openai":
            options["include_obfuscation"] = False
        self.told: Callable[[str, Mapping[str, str]], None] = lambda _, __: None
        self.refused: Callable[[str, float], None] = lambda _, __: None
        self.streamed: dict[str, Any] = {"stream": True, "stream_options": options}

    def complete(self, payload: dict[str, Any]) -> Completion:
        """Ask for a chat completion.

        Raises:
            ApiError: as in `post`; UpstreamBroken also when the answer cannot be understood.
        """
        body = orjson.dumps(payload)
        whole = self._whole("POST", CHAT, body, payload["model"], _MOST_TURN_BYTES)
        return completion.parse(whole)

    def post(self, path: str, body: bytes, model: str) -> bytes:
        """Send a JSON body for a model; the whole answer.

        Raises:
            UpstreamRefused: ChatGPT finds fault with the request.
            UpstreamRateLimited, UpstreamQuotaExhausted: it refuses for its own limits.
            UpstreamAuthFailed: it refuses the service's key.
            UpstreamTimeout: it did not answer in time.
            UpstreamUnavailable: it failed so often that it is left alone for a while.
            UpstreamError: it failed, could not be reached, or broke off.
        """
        most = self._most_bytes if path == EMBEDDINGS else _MOST_WHOLE_BYTES
        return self._whole("POST", path, body, model, most)

    def get(self, path: str) -> bytes:
        """Ask for a resource; the whole answer. Raises as `post` does."""
        return self._whole("GET", path, b"", "", _MOST_WHOLE_BYTES)

    def open(self, path: str, body: bytes, model: str) -> Answer:
        """Send a JSON body for a model; an answer of status 200 that has begun and is to be closed.

        Raises:
            ApiError: as in `post`; after this only the answer's reading raises.
        """
        return self._begin("POST", path, body, model, self._stream_total)

    def _whole(self, method: str, path: str, body: bytes, model: str, most_bytes: int) -> bytes:
        with self._begin(method, path, body, model, self._total) as answer:
            return answer.body(most_bytes)

    def _begin(self, method: str, path: str, body: bytes, model: str, seconds: float) -> Answer:
        """An answer with status 200 that has to be whole within so many seconds."""
        begun, now = time.monotonic(), current.get()
        now.operation = _OPERATIONS.get(path, "chat")
        span = traces.begin(f"{method} {path}", "client")
        try:
            with gevent.Timeout(seconds, late()):
                answer = self._begin_in_time(method, path, body, model, begun + seconds)
        except ApiError as error:
            failures.count(error)
            span.end(error.code)
            raise
        finally:
            now.upstream_s += time.monotonic() - begun
        answer.span = span
        return answer

    def _begin_in_time(
        self, method: str, path: str, body: bytes, model: str, deadline: float
    ) -> Answer:
        """An answer with status 200, at the second attempt if the first is worth repeating."""
        self._budget.earn()
        self._ask_breaker()
        try:
            return self._attempt(method, path, body, model, deadline)
        except Retriable as failed:
            first = failed.error
            wait = pause(first)
            if wait is None or not self._may_retry(time.monotonic() + wait, deadline):
                raise first from None
        figures.upstream_retries.add(1)
        gevent.sleep(wait)
        if self._breaker.wait_s(time.monotonic()):
            raise first
        try:
            return self._attempt(method, path, body, model, deadline)
        except Retriable as failed:
            raise dearer(first, failed.error) from None
        except ApiError as error:
            raise dearer(first, error) from None

    @property
    def breaker(self) -> State:
        """Whether ChatGPT is asked."""
        return self._breaker.state(time.monotonic())

    def _ask_breaker(self) -> None:
        wait_s = self._breaker.wait_s(time.monotonic())
        if wait_s:
            raise UpstreamUnavailable(
                "ChatGPT failed several times in a row and is left alone for a moment.",
                retry_after=wait_s,
            )

    def _may_retry(self, at: float, deadline: float) -> bool:
        return at <= deadline and self.breaker == "closed" and self._budget.spend()

    def _attempt(self, method: str, path: str, body: bytes, model: str, deadline: float) -> Answer:
        key = self._keys.current
        answer = self._send(method, path, body, key, deadline)
        if answer.status == 401 and (other := self._keys.after(key, time.monotonic())):
            answer.close()
            logs.notice("upstream_key_refused", number=self._keys.number(key))
            answer = self._send(method, path, body, other, deadline)
        self.told(model, answer.headers)
        if answer.status == 200:
            answer.check_form()
            return answer
        with answer:
            refusal = answer.body(_MOST_REFUSAL_BYTES)
        headers = answer.headers
        error = failures.from_answer(answer.status, headers, refusal, self._keys.hide)
        named = self._keys.hide(headers.get("x-request-id", ""))[:100]
        logs.problem("upstream", error, status=answer.status, upstream_request=named)
        if headers.get("x-should-retry") == "false":
            error.should_retry = False
        if isinstance(error, UpstreamRateLimited):
            self.refused(model, error.retry_after or 0)
        if isinstance(error, UpstreamError | UpstreamRateLimited):
            raise Retriable(error)
        raise error

    def _send(self, method: str, path: str, body: bytes, key: str, deadline: float) -> Answer:
        own = {"Authorization": f"Bearer {key}"}
        if self._tells_traces:
            own |= current.get().step.headers
        status, sent = 0, time.monotonic()
        try:
            wire = self._wires.ask(method, path, own, body)
            status = wire.head.status
        except UpstreamTimeout:  # the deadline of the whole answer
            self._breaker.failed(time.monotonic())
            raise
        except FAILED as error:
            self._breaker.failed(time.monotonic())
            logs.problem("upstream", error)
            failure = failures.from_exception(error)
            if isinstance(failure, UpstreamTimeout):
                raise failure from None
            raise Retriable(failure) from None
        finally:
            figures.upstream_requests.add(1, status)
        if status >= 500:
            self._breaker.failed(time.monotonic())
        else:
            self._breaker.succeeded()
        figures.upstream_head_seconds.observe(time.monotonic() - sent)
        return Answer(self._wires, wire, sent, deadline, self._most_bytes)

    def close(self) -> None:
        """Close every connection that is idle."""
        self._wires.close()


def _headers(settings: Settings) -> dict[str, str]:
    """The headers that every request has; its key comes to them."""
    headers = {
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
