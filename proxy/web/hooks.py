"""Round every request: its id, the headers of its limits, its line in the log."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Generator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, g, request

from proxy.errors import StoreUnavailable
from proxy.telemetry import current, figures, logs, traces
from proxy.web import ratelimit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from proxy.allowance import Allowance
    from proxy.telemetry.current import Current
    from proxy.workload import Workload

_PROBES = {"/livez", "/metrics", "/readyz"}
"""Asked every few seconds by machines; not worth a line each."""
_METHODS = {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}
_POLICY = "default-src 'none'; frame-ancestors 'none'"
"""What is no page of ours, and so has no policy of its own, is none for a browser either."""
DEGRADED = {"X-Degraded": "limits"}
"""What an answer says of itself where a worker enforced its share of the limits."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")


def register(app: Flask, workload: Workload) -> None:
    """Put the hooks round every request of the app."""

    def check() -> None:
        if request.path not in _PROBES:
            workload.check()

    app.before_request(_begin)
    app.before_request(check)
    app.after_request(_end)


def _begin() -> None:
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else f"req_{secrets.token_hex(12)}"
    g.current = current.begin(g.request_id)
    if request.path not in _PROBES:
        rule = request.url_rule.rule if request.url_rule else ""
        traces.request(f"{_method(rule)} {rule}".rstrip(), request.headers)


def _end(response: Response) -> Response:
    allowance: Allowance | None = g.get("allowance")
    if allowance is not None:
        response.headers.update(_limits(allowance, response))
    response.headers["X-Request-ID"] = g.request_id
    response.headers.add("X-Content-Type-Options", "nosniff")
    if "Content-Security-Policy" not in response.headers:
        response.headers.add("Content-Security-Policy", _POLICY)
    now: Current = g.current
    route = request.url_rule.rule if request.url_rule else None
    figures.requests.add(1, _method(route), route or "none", response.status_code)
    figures.request_seconds.observe(time.perf_counter() - now.begun, route or "none")
    if request.path not in _PROBES:
        _log(response, now, route)
    return response


def _method(route: str | None) -> str:
    """One of few words: where there is no route callers may send any."""
    return request.method if route or request.method in _METHODS else "other"


def _log(response: Response, now: Current, route: str | None) -> None:
    """The line of this request, as soon as its answer is over."""
    fields = {
        "request_id": g.request_id,
        "method": request.method,
        "route": route,
        "status": response.status_code,
        "key": g.get("key_id"),
        "session": response.headers.get("X-Session-ID"),
        "turn": response.headers.get("X-Turn-ID"),
        "error": g.get("error"),
        "trace": now.root.trace_id or None,
    }
    if response.is_streamed:
        response.response = _Told(response.response, fields, now)
    else:
        _over(now, fields)


def _over(now: Current, fields: dict[str, Any]) -> None:
    """The whole answer is sent."""
    logs.access(now, fields)
    now.root.tell(
        {
            "http.request.method": fields["method"],
            "http.route": fields["route"],
            "http.response.status_code": fields["status"],
            "chat_proxy.request.id": fields["request_id"],
            "chat_proxy.key.id": fields["key"],
        }
    )
    now.root.end(fields["error"] if fields["status"] >= 500 else None)


class _Told:
    """An answer that streams, and its line when its end was sent or its reader has gone.

    It stands beside the chunks and not between: a generator round them would cost each of
    thousands of streams some kilobytes.
    """

    def __init__(self, chunks: Iterable[Any], fields: dict[str, Any], now: Current) -> None:
        self._chunks = chunks
        self._fields = fields
        self._now = now

    def __iter__(self) -> Iterator[Any]:
        return iter(self._chunks)

    def close(self) -> None:
        """As WSGI's servers do at the end."""
        if isinstance(self._chunks, Generator):
            self._chunks.close()
        _over(self._now, self._fields)


def _limits(allowance: Allowance, response: Response) -> dict[str, str]:
    """As last answered, or as they are now; a 503 is not held up by another question."""
    if allowance.degraded:
        return ratelimit.headers(allowance.balances) | DEGRADED
    if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        return ratelimit.headers(allowance.balances)
    try:
        return ratelimit.headers(allowance.look())
    except StoreUnavailable:
        return {}
