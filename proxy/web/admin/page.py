"""GET /admin: the dashboard. It holds no figures: it asks for them with the admin token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint

from proxy.web import browser_pages

if TYPE_CHECKING:
    from flask import Response

    from proxy.web.admin.guard import Guard


def blueprint(guard: Guard) -> Blueprint:
    """The routes of this module; without an admin token the page says what to do."""
    routes = Blueprint("admin_page", __name__)

    @routes.get("/admin", strict_slashes=False)
    def admin() -> Response:
        return browser_pages.page("admin.html", on=guard.opens)

    return routes
