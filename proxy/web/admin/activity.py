"""GET /admin/api/activity: what all workers do at this moment, and who waits for what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.store import activity
from proxy.web import responses

if TYPE_CHECKING:
    from flask import Blueprint, Response

    from proxy.store.connection import Store
    from proxy.web.admin.guard import Guard


class ActivityViews:
    """The view of what the workers do."""

    def __init__(self, store: Store, guard: Guard) -> None:
        self._store = store
        self._guard = guard

    def blueprint(self) -> Blueprint:
        """The routes of this module."""
        routes = self._guard.blueprint("activity")
        routes.get("/admin/api/activity")(self.read)
        return routes

    def read(self) -> Response:
        """GET /admin/api/activity."""
        doing = activity.read(self._store)
        waiting = [
            {"scope": what.scope, "id": what.id, "model": what.model, "requests": number}
            for what, number in doing.waiting
        ]
        told = {"in_flight": doing.in_flight, "open_streams": doing.open_streams}
        return responses.json({"object": "activity", **told, "waiting": waiting})
