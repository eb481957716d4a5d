"""GET /admin/api/events: the audit log, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from proxy.errors import InvalidRequest
from proxy.store import audit
from proxy.web import responses
from proxy.web.admin.schemas import EventsQuery
from proxy.web.schemas import validate_query

if TYPE_CHECKING:
    from proxy.store.connection import Store
    from proxy.web.admin.guard import Guard


class EventViews:
    """The view of the audit log."""

    def __init__(self, store: Store, guard: Guard) -> None:
        self._store = store
        self._guard = guard

    def blueprint(self) -> Blueprint:
        """The routes of this module."""
        routes = self._guard.blueprint("events")
        routes.get("/admin/api/events")(self.list)
        return routes

    def list(self) -> Response:
        """GET /admin/api/events."""
        query = validate_query(EventsQuery, request.args.to_dict())
        if query.cursor and not audit.CURSOR.fullmatch(query.cursor):
            raise InvalidRequest("'cursor' should be the next_cursor of a page.", param="cursor")
        page = self._store.run(audit.page(query.limit, query.cursor))
        data = [_shown(event) for event in page.events]
        return responses.json({"object": "list", "data": data, "next_cursor": page.next_cursor})


def _shown(event: audit.Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "at": event.at // 1000,
        "actor": event.actor,
        "action": event.action,
        "target": event.target,
        "changes": event.changes,
    }
