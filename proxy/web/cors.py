"""CORS: which pages' scripts may talk to the service; those of PROXY_CORS_ORIGINS and no others.

Not by flask-cors: it answers preflights with Flask's own OPTIONS after the route was looked up,
reads an origin as a pattern where it can, and would take as many lines to be told what is here.
Source: https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask, Response, request

if TYPE_CHECKING:
    from proxy.settings import Settings

METHODS = ("GET", "POST", "PATCH", "DELETE")
ACCEPTED = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "Last-Event-ID",
    "Prefer",
    "X-Request-ID",
    "X-Session-ID",
    "traceparent",
)
"""The headers of a request that a script may set."""
EXPOSED = (
    *(
        f"x-ratelimit-{told}-{resource}"
        for resource in ("requests", "tokens")
        for told in ("limit", "remaining", "reset")
    ),
    "x-ratelimit-shadow",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "retry-after-ms",
    "x-should-retry",
    "X-Request-ID",
    "X-Session-ID",
    "X-Turn-ID",
    "X-Degraded",
    "X-Dropped-Params",
    "Idempotent-Replayed",
    "Preference-Applied",
    "Location",
)
"""The headers of an answer that a script may read."""
_MAX_AGE_S = 7200
"""Chromium keeps a preflight's answer no longer."""
_PREFLIGHT = {
    "Access-Control-Allow-Methods": ", ".join(METHODS),
    "Access-Control-Allow-Headers": ", ".join(ACCEPTED),
    "Access-Control-Max-Age": str(_MAX_AGE_S),
}


class Cors:
    """Lets the scripts of some origins in."""

    def __init__(self, settings: Settings) -> None:
        self._origins = frozenset(settings.cors_origins)

    def register(self, app: Flask) -> None:
        """Put it round every request of the app; without origins there is nothing to do."""
        if self._origins:
            app.before_request(self._preflight)
            app.after_request(self._admit)

    def _preflight(self) -> Response | None:
        asks = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        return Response(status=204, headers=_PREFLIGHT) if asks and self._allowed else None

    def _admit(self, response: Response) -> Response:
        if _for_operators():
            return response
        response.vary.add("Origin")
        if self._allowed:
            response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
            response.headers["Access-Control-Expose-Headers"] = ", ".join(EXPOSED)
        return response

    @property
    def _allowed(self) -> bool:
        return request.headers.get("Origin") in self._origins and not _for_operators()


def _for_operators() -> bool:
    """Whether the path is one of the admin interface's: no page of another origin needs it."""
    return request.path == "/admin" or request.path.startswith("/admin/")
