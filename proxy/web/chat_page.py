"""GET /: the chat page. It holds no conversation: its script asks for them as any client would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint

from proxy.web import browser_pages

if TYPE_CHECKING:
    from flask import Response

    from proxy.domain.catalog import Catalog
    from proxy.domain.personas import Personas
    from proxy.settings import Settings


def blueprint(settings: Settings, catalog: Catalog, personas: Personas) -> Blueprint:
    """The routes of this module."""
    routes = Blueprint("chat_page", __name__)
    told = {
        "asks_for_key": settings.auth == "keys",
        "simulated": settings.simulated,
        "default_model": settings.default_model,
        "models": [name for name in catalog.names if "embedding" not in name],
        "personas": personas.names,
        "longest": settings.message_max_chars,
        "wait_max": int(settings.wait_max),
    }

    @routes.get("/")
    def chat() -> Response:
        return browser_pages.page("chat.html", **told)

    return routes
