"""GET /admin/api/usage: who used what, and when."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from proxy.domain import usage_report
from proxy.store import usage_reading
from proxy.web import responses, schemas

if TYPE_CHECKING:
    from proxy.store.connection import Store
    from proxy.web.admin.guard import Guard

_FIELDS = {"by", "from", "to", "step", "total", "name"}


class UsageViews:
    """The view of usage."""

    def __init__(self, store: Store, guard: Guard) -> None:
        self._store = store
        self._guard = guard

    def blueprint(self) -> Blueprint:
        """The routes of this module."""
        routes = self._guard.blueprint("usage")
        routes.get("/admin/api/usage")(self.read)
        return routes

    def read(self) -> Response:
        """GET /admin/api/usage."""
        for name in request.args.keys() - _FIELDS:
            raise schemas.unknown(name[:100], sorted(_FIELDS))
        span = usage_report.span(request.args, time.time(), request.args.getlist("name"))
        report = usage_reading.read(self._store, span)
        best = request.accept_mimetypes.best_match(["application/json", "text/csv"])
        if best == "text/csv":
            return Response(report.as_csv(), content_type="text/csv; charset=utf-8")
        return responses.json(report.as_json())
