"""Pages for people: templates, and the stylesheets, scripts and pictures that belong to them.

All of it is ours and comes from this service: the policy that goes out with a page forbids
everything else, also what would be written into the page itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Blueprint, Response, render_template, send_from_directory

STATIC = Path(__file__).parent / "static"
_ALLOWED = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
POLICY = "; ".join(f"{what} {whence}" for what, whence in _ALLOWED.items())
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Content-Type": "text/html; charset=utf-8",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def page(template: str, **told: Any) -> Response:
    """A page made from a template."""
    return Response(render_template(template, **told), headers=HEADERS)


def blueprint() -> Blueprint:
    """The routes of this module: GET /static/, asked for again only if it changed."""
    routes = Blueprint("pages", __name__)

    @routes.get("/static/<path:name>")
    def static(name: str) -> Response:
        return send_from_directory(STATIC, name)

    return routes
