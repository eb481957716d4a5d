"""The admin interface as GET /openapi.json describes it."""

from __future__ import annotations

from typing import Any

from proxy.domain.usage import figures
from proxy.errors import Conflict
from proxy.settings import LARGEST_LIMIT
from proxy.web.admin import schemas
from proxy.web.operation import (
    NUMBER,
    TEXT,
    TRUTH,
    WHOLE,
    Operation,
    Parameter,
    items,
    listed,
    maybe,
    thing,
    told,
)

_WHO = ["key", "team", "user", "model", "all"]
_MODEL = {**TEXT, "minLength": 1, "maxLength": 256}
_TOKENS = {**WHOLE, "minimum": 1, "maximum": LARGEST_LIMIT}
_EXPLAIN = (
    Parameter("explain", "a client key's id: what limits it, and what its next request would meet"),
    Parameter("model", "which model that request asks; the default if left out", None, _MODEL),
    Parameter("tokens", "how many tokens it needs; 1000 if left out", None, _TOKENS),
)
_PAGE = (
    Parameter(
        "limit", "how many at most", "20", {**WHOLE, "minimum": 1, "maximum": 1000, "default": 50}
    ),
    Parameter("cursor", "the next_cursor of the page before"),
)
_TRUE = {"enum": ["true", "false"]}
_USAGE = (
    Parameter("by", "whose usage; all for everybody's as one", "team", {"enum": _WHO}),
    Parameter("from", "a date, a date and time, or seconds since 1970; UTC", "2026-11-22"),
    Parameter("to", "likewise; a date means its end; now if left out", "2026-11-28"),
    Parameter("step", "a row for each hour or day", "day", {"enum": ["hour", "day"]}),
    Parameter("total", "true: a row for each name, of all steps together", None, _TRUE),
    Parameter("name", "these keys, teams, users or models alone", None, TEXT, many=True),
)

OPERATIONS = (
    Operation("get", "/admin/api/keys", "List client keys", answer="KeyList"),
    Operation(
        "post",
        "/admin/api/keys",
        "Make a client key",
        schemas.NewKey,
        201,
        "NewKeyAnswer",
        example={"name": "ada", "rpm": 60, "budget_usd": 20},
    ),
    Operation("get", "/admin/api/keys/{key_id}", "Read a client key", answer="Key"),
    Operation(
        "patch",
        "/admin/api/keys/{key_id}",
        "Change a client key",
        schemas.KeyFields,
        answer="Key",
        example={"rpm": 120},
    ),
    Operation("delete", "/admin/api/keys/{key_id}", "Revoke a client key", status=204),
    Operation(
        "post",
        "/admin/api/keys/{key_id}/rotate",
        "Give a client key a new secret",
        schemas.Rotation,
        answer="NewKeyAnswer",
        example={"overlap": 3600},
        errors=(Conflict,),
    ),
    Operation("get", "/admin/api/teams", "List teams", answer="TeamList"),
    Operation(
        "post",
        "/admin/api/teams",
        "Make a team",
        schemas.NewTeam,
        201,
        "Team",
        example={"name": "research", "weight": 2, "budget_usd": 200},
        errors=(Conflict,),
    ),
    Operation("get", "/admin/api/teams/{team_id}", "Read a team", answer="Team"),
    Operation(
        "patch",
        "/admin/api/teams/{team_id}",
        "Change a team",
        schemas.TeamFields,
        answer="Team",
        example={"budget_usd": 300},
    ),
    Operation(
        "delete",
        "/admin/api/teams/{team_id}",
        "Delete a team",
        status=204,
        errors=(Conflict,),
    ),
    Operation(
        "get",
        "/admin/api/limits",
        "All balances, or what the next request of a key would meet",
        answer="LimitReport",
        query=_EXPLAIN,
    ),
    Operation("get", "/admin/api/usage", "Who used what, and when", answer="Usage", query=_USAGE),
    Operation(
        "get",
        "/admin/api/activity",
        "What happens at this moment, and who waits for what",
        answer="Activity",
    ),
    Operation("get", "/admin/api/events", "The audit log", answer="EventList", query=_PAGE),
)
NEED_A_BODY = frozenset(
    operation.path
    for operation in OPERATIONS
    if operation.body and not operation.path.endswith("/rotate")
)

_SECONDS = "seconds since 1970"
_LIMITS = {
    **dict.fromkeys(("rpm", "tpm", "burst", "max_parallel"), maybe(WHOLE)),
    "budget_usd": maybe(NUMBER),
    "budget_period": {"enum": ["day", "month"]},
    "shadow": TRUTH,
}
_KEY = {
    "id": TEXT,
    "object": {"const": "client_key"},
    "state": {"enum": ["active", "revoked", "expired"]},
    "name": TEXT,
    "team": maybe(TEXT),
    "models": {"type": "array", "items": TEXT},
    "created_at": told(WHOLE, _SECONDS),
    "expires_at": told(maybe(WHOLE), _SECONDS),
    "revoked_at": told(maybe(WHOLE), _SECONDS),
    **_LIMITS,
}
_TEAM = {
    "id": TEXT,
    "object": {"const": "team"},
    "created_at": told(WHOLE, _SECONDS),
    "weight": WHOLE,
    **_LIMITS,
}
_LIMIT = {
    "scope": {"enum": ["upstream", "model", "team", "key", "user"]},
    "id": TEXT,
    "resource": {"enum": ["requests", "tokens", "concurrency", "usd"]},
    "rate": NUMBER,
    "burst": NUMBER,
    "period": {"enum": ["minute", "day", "month", None]},
    "mode": {"enum": ["enforced", "shadow", "learned"]},
}
_BALANCE = _LIMIT | dict.fromkeys(("remaining", "short", "wait_s", "full_in_s"), NUMBER)
_EVENT = {
    "id": TEXT,
    "at": WHOLE,
    "actor": {"enum": ["admin", "cli"]},
    "action": TEXT,
    "target": TEXT,
    "changes": {
        "type": "object",
        "additionalProperties": {"type": "array", "minItems": 2, "maxItems": 2},
    },
}

_FIGURES = {
    name: thing(dict.fromkeys(value, maybe(NUMBER))) if isinstance(value, dict) else NUMBER
    for name, value in figures({}).items()
}

ANSWERS: dict[str, dict[str, Any]] = {
    "Key": _KEY,
    "NewKeyAnswer": _KEY | {"key": told(TEXT, "what the client sends; told this once")},
    "KeyList": listed(_KEY),
    "Team": _TEAM,
    "TeamList": listed(_TEAM),
    "LimitReport": {
        "object": {"enum": ["list", "explanation"]},
        "data": told(items(thing(_BALANCE)), "of a list"),
        "limits": told(items(thing(_BALANCE)), "of an explanation, from the innermost"),
        "key": TEXT,
        "name": TEXT,
        "team": maybe(TEXT),
        "model": TEXT,
        "tokens": WHOLE,
        "next": thing(
            {
                "passes": TRUTH,
                "code": maybe(TEXT),
                "message": TEXT,
                "limit": {"type": ["object", "null"], "properties": _LIMIT},
                "wait_s": maybe(NUMBER),
            }
        ),
    },
    "EventList": listed(_EVENT) | {"next_cursor": maybe(TEXT)},
    "Activity": {
        "object": {"const": "activity"},
        "in_flight": WHOLE,
        "open_streams": WHOLE,
        "waiting": items(
            thing({"scope": _LIMIT["scope"], "id": TEXT, "model": TEXT, "requests": WHOLE})
        ),
    },
    "Usage": {
        "object": {"const": "usage"},
        **dict.fromkeys(("by", "from", "to", "step"), TEXT),
        "total": TRUTH,
        "data": items(thing({"start": TEXT, "name": TEXT} | _FIGURES)),
        "totals": told(thing(_FIGURES), "the same figures of all rows together"),
    },
}
