"""GET /livez: the process; GET /readyz: the process and its Redis. Neither asks ChatGPT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response

from proxy.errors import Draining
from proxy.store import inspection
from proxy.web import responses

if TYPE_CHECKING:
    from proxy.store.connection import Store
    from proxy.workload import Workload


def blueprint(store: Store, workload: Workload) -> Blueprint:
    """The routes of this module."""
    routes = Blueprint("health", __name__)

    @routes.get("/livez")
    def livez() -> Response:
        return responses.json({"status": "ok"})

    @routes.get("/readyz")
    def readyz() -> Response:
        if workload.draining:
            raise Draining
        return responses.json({"status": "ok", "redis": inspection.readiness(store)})

    return routes
