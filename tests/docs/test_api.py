"""docs/api.md against the routes, fields, headers and errors of the service."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from proxy.app import create_app
from proxy.errors import ApiError
from proxy.settings import load
from proxy.telemetry import logs
from proxy.web import schemas
from proxy.web.admin import schemas as admin
from tests.docs import pages
from tests.support.service import CANARY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

PAGE = "docs/api.md"


def test_every_route_has_its_heading_and_every_heading_its_route() -> None:
    app = create_app(load({"REDIS_URL": "redis://127.0.0.1:1/0", "OPENAI_API_KEY": CANARY}))
    logs.silence()
    routes = {
        f"`{method} {_path(rule.rule)}`"
        for rule in app.url_map.iter_rules()
        if not rule.rule.startswith("/static/")  # parts of pages
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    told = [heading for heading in pages.headings(PAGE) if re.match(r"`[A-Z]+ /", heading)]
    assert sorted(told) == sorted(route for route in routes if not _shorthand(route, routes))


def _shorthand(route: str, routes: set[str]) -> bool:
    """Whether this is a route of OpenAI's without its /v1, which the page tells once for all."""
    return route.replace(" /", " /v1/", 1) in routes


def _path(rule: str) -> str:
    """Flask's <session_id> as the page writes it: {session_id}."""
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule)


def test_every_error_has_its_row_and_every_row_its_error() -> None:
    told = {
        (int(row[0]), code) for row in pages.rows(PAGE, "Status") for code in pages.code(row[1])
    }
    assert told == {(int(error.status), error.code) for error in _errors(ApiError)}


def _errors(kind: type[ApiError]) -> Iterator[type[ApiError]]:
    yield kind
    for special in kind.__subclasses__():
        yield from _errors(special)


@pytest.mark.parametrize(
    "body",
    [
        schemas.ChatRequest,
        schemas.SessionSettings,
        schemas.ForkRequest,
        schemas.ToolResult,
        schemas.TokenRequest,
        schemas.TokenLimits,
        admin.NewKey,
        admin.NewTeam,
        admin.Rotation,
    ],
)
def test_every_field_is_named(body: type[BaseModel]) -> None:
    shown = pages.text(PAGE)
    assert [
        name for name in body.model_fields if f"`{name}`" not in shown and f'"{name}"' not in shown
    ] == []
