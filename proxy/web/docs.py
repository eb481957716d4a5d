"""GET /docs: the interface for people to read, search and link to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint

from proxy.web import browser_pages, openapi, reference

if TYPE_CHECKING:
    from flask import Response


def blueprint() -> Blueprint:
    """The routes of this module."""
    routes = Blueprint("docs", __name__)
    document = openapi.document()
    told = {
        "groups": reference.groups(document),
        "objects": reference.objects(document),
        "errors": reference.errors(),
    }

    @routes.get("/docs", strict_slashes=False)
    def docs() -> Response:
        return browser_pages.page("docs.html", **told)

    return routes
