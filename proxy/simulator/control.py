"""The routes under /_simulator by which a test scripts the answers and sees what was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from flask import Blueprint, Response, request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from proxy.simulator.limits import Limits

if TYPE_CHECKING:
    from proxy.simulator.state import State


class LimitsBody(BaseModel):
    """The body of POST /_simulator/limits: see `Limits`."""

    model_config = ConfigDict(extra="forbid")

    requests: int | None = Field(None, gt=0)
    tokens: int | None = Field(None, gt=0)
    enforce: bool = False


def control(state: State) -> Blueprint:
    """The routes; none of them is recorded or counted."""
    blueprint = Blueprint("control", __name__, url_prefix="/_simulator")

    @blueprint.post("/replies")
    def queue() -> Response:
        replies = _body()
        state.script.queue(replies if isinstance(replies, list) else [replies])
        return _no_content()

    @blueprint.post("/defaults")
    def defaults() -> Response:
        state.script.set_defaults(_body())
        return _no_content()

    @blueprint.post("/limits")
    def limits() -> Response:
        state.limits = Limits(**LimitsBody.model_validate(_body()).model_dump())
        return _no_content()

    @blueprint.get("/requests")
    def requests() -> Response:
        return _json([record.described for record in state.history.records])

    @blueprint.get("/stats")
    def stats() -> Response:
        return _json(state.history.stats)

    @blueprint.post("/reset")
    def reset() -> Response:
        state.reset()
        return _no_content()

    @blueprint.errorhandler(ValidationError)
    def wrong(error: ValidationError) -> Response:
        return _json({"error": str(error)}, status=400)

    return blueprint


def _body() -> Any:
    return orjson.loads(request.get_data())


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status=status, content_type="application/json")


def _no_content() -> Response:
    return Response(status=204)
