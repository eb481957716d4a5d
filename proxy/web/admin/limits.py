"""GET /admin/api/limits: all balances, or what the next request of a key would meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from proxy.errors import InvalidRequest
from proxy.operators.limits import TOKENS, balance_shown, explanation_shown
from proxy.web import responses
from proxy.web.admin.schemas import ExplainQuery
from proxy.web.schemas import validate_query

if TYPE_CHECKING:
    from proxy.operators.limits import Limits
    from proxy.web.admin.guard import Guard


class LimitViews:
    """The view of limits."""

    def __init__(self, guard: Guard, limits: Limits) -> None:
        self._guard = guard
        self._limits = limits

    def blueprint(self) -> Blueprint:
        """The routes of this module."""
        routes = self._guard.blueprint("limits")
        routes.get("/admin/api/limits")(self.read)
        return routes

    def read(self) -> Response:
        """GET /admin/api/limits."""
        query = validate_query(ExplainQuery, request.args.to_dict())
        if query.explain is not None:
            explained = self._limits.explain(query.explain, query.model, query.tokens or TOKENS)
            return responses.json({"object": "explanation"} | explanation_shown(explained))
        for name in query.model_fields_set:
            raise InvalidRequest(f"'{name}' goes with 'explain'.", param=name)
        data = [balance_shown(balance) for balance in self._limits.all()]
        return responses.json({"object": "list", "data": data})
