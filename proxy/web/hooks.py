"""Round every request: its id, the headers of its limits, its line in the log."""

from __future__ import annotations

import re
import secrets
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Flask, Response, g, request

from proxy.errors import StoreUnavailable
from proxy.telemetry import logs
from proxy.web import ratelimit

if TYPE_CHECKING:
    from proxy.allowance import Allowance
    from proxy.workload import Workload

_PROBES = {"/livez", "/metrics", "/readyz"}
"""Asked every few seconds by machines; not worth a line each."""
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
    g.started = time.perf_counter()
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else f"req_{secrets.token_hex(12)}"


def _end(response: Response) -> Response:
    allowance: Allowance | None = g.get("allowance")
    if allowance is not None:
        response.headers.update(_limits(allowance, response))
    response.headers["X-Request-ID"] = g.request_id
    response.headers.add("X-Content-Type-Options", "nosniff")
    if "Content-Security-Policy" not in response.headers:
        response.headers.add("Content-Security-Policy", _POLICY)
    if request.path in _PROBES:
        return response
    logs.access(
        request_id=g.request_id,
        method=request.method,
        route=request.url_rule.rule if request.url_rule else None,
        status=response.status_code,
        ms=round((time.perf_counter() - g.started) * 1000, 2),
        key=g.get("key_id"),
        session=response.headers.get("X-Session-ID"),
        turn=response.headers.get("X-Turn-ID"),
    )
    return response


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
