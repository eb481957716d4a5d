"""The admin interface as GET /openapi.json describes it."""

from __future__ import annotations

from typing import Any

from proxy.settings import LARGEST_LIMIT
from proxy.web.admin import schemas
from proxy.web.operation import Operation

_TEXT = {"type": "string"}

OPERATIONS = (
    Operation("get", "/admin/api/keys", "List client keys", answer="KeyList"),
    Operation("post", "/admin/api/keys", "Make a client key", schemas.NewKey, 201, "NewKeyAnswer"),
    Operation("get", "/admin/api/keys/{key_id}", "Read a client key", answer="Key"),
    Operation(
        "patch",
        "/admin/api/keys/{key_id}",
        "Change a client key",
        schemas.KeyFields,
        answer="Key",
    ),
    Operation("delete", "/admin/api/keys/{key_id}", "Revoke a client key", status=204),
    Operation(
        "post",
        "/admin/api/keys/{key_id}/rotate",
        "Give a client key a new secret",
        schemas.Rotation,
        answer="NewKeyAnswer",
    ),
    Operation("get", "/admin/api/teams", "List teams", answer="TeamList"),
    Operation("post", "/admin/api/teams", "Make a team", schemas.NewTeam, 201, "Team"),
    Operation("get", "/admin/api/teams/{team_id}", "Read a team", answer="Team"),
    Operation(
        "patch", "/admin/api/teams/{team_id}", "Change a team", schemas.TeamFields, answer="Team"
    ),
    Operation("delete", "/admin/api/teams/{team_id}", "Delete a team", status=204),
    Operation(
        "get",
        "/admin/api/limits",
        "All balances, or what the next request of a key would meet",
        answer="LimitReport",
        query={
            "explain": {"type": "string"},
            "model": {"type": "string", "minLength": 1, "maxLength": 256},
            "tokens": {"type": "integer", "minimum": 1, "maximum": LARGEST_LIMIT},
        },
    ),
    Operation(
        "get",
        "/admin/api/events",
        "The audit log",
        answer="EventList",
        query={
            "limit": {"type": "integer", "minimum": 1, "maximum": 1000},
            "cursor": {"type": "string"},
        },
    ),
    Operation(
        "get",
        "/admin/api/usage",
        "Who used what, and when",
        answer="Usage",
        query={
            "by": {"enum": ["key", "team", "user", "model", "all"]},
            "from": _TEXT,
            "to": _TEXT,
            "step": {"enum": ["hour", "day"]},
            "total": {"enum": ["true", "false"]},
            "name": _TEXT,
        },
    ),
    Operation(
        "get",
        "/admin/api/activity",
        "What happens at this moment, and who waits for what",
        answer="Activity",
    ),
)
NEED_A_BODY = frozenset(
    operation.path
    for operation in OPERATIONS
    if operation.body and not operation.path.endswith("/rotate")
)

_WHOLE = {"type": "integer"}
_NUMBER = {"type": "number"}
_MAYBE_TEXT = {"type": ["string", "null"]}
_MAYBE_WHOLE = {"type": ["integer", "null"]}
_MAYBE_NUMBER = {"type": ["number", "null"]}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def _list(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "object": {"const": "list"},
        "data": {"type": "array", "items": _object(properties)},
    }


_LIMITS = {
    **dict.fromkeys(("rpm", "tpm", "burst", "max_parallel"), _MAYBE_WHOLE),
    "budget_usd": _MAYBE_NUMBER,
    "budget_period": {"enum": ["day", "month"]},
    "shadow": {"type": "boolean"},
}
_KEY = {
    "id": _TEXT,
    "object": {"const": "client_key"},
    "state": {"enum": ["active", "revoked", "expired"]},
    "name": _TEXT,
    "team": _MAYBE_TEXT,
    "models": {"type": "array", "items": _TEXT},
    "created_at": _WHOLE,
    "expires_at": _MAYBE_WHOLE,
    "revoked_at": _MAYBE_WHOLE,
    **_LIMITS,
}
_TEAM = {
    "id": _TEXT,
    "object": {"const": "team"},
    "created_at": _WHOLE,
    "weight": _WHOLE,
    **_LIMITS,
}
_LIMIT = {
    "scope": {"enum": ["upstream", "model", "team", "key", "user"]},
    "id": _TEXT,
    "resource": {"enum": ["requests", "tokens", "concurrency", "usd"]},
    "rate": _NUMBER,
    "burst": _NUMBER,
    "period": {"enum": ["minute", "day", "month", None]},
    "mode": {"enum": ["enforced", "shadow", "learned"]},
}
_BALANCE = _LIMIT | dict.fromkeys(("remaining", "short", "wait_s", "full_in_s"), _NUMBER)
_EVENT = {
    "id": _TEXT,
    "at": _WHOLE,
    "actor": {"enum": ["admin", "cli"]},
    "action": _TEXT,
    "target": _TEXT,
    "changes": {
        "type": "object",
        "additionalProperties": {"type": "array", "minItems": 2, "maxItems": 2},
    },
}

ANSWERS: dict[str, dict[str, Any]] = {
    "Key": _KEY,
    "NewKeyAnswer": _KEY | {"key": _TEXT},
    "KeyList": _list(_KEY),
    "Team": _TEAM,
    "TeamList": _list(_TEAM),
    "LimitReport": {
        "object": {"enum": ["list", "explanation"]},
        "data": {"type": "array", "items": _object(_BALANCE)},
        "limits": {"type": "array", "items": _object(_BALANCE)},
        "key": _TEXT,
        "name": _TEXT,
        "team": _MAYBE_TEXT,
        "model": _TEXT,
        "tokens": _WHOLE,
        "next": _object(
            {
                "passes": {"type": "boolean"},
                "code": _MAYBE_TEXT,
                "message": _TEXT,
                "limit": {"type": ["object", "null"], "properties": _LIMIT},
                "wait_s": _MAYBE_NUMBER,
            }
        ),
    },
    "EventList": _list(_EVENT) | {"next_cursor": _MAYBE_TEXT},
    "Activity": {
        "object": {"const": "activity"},
        "in_flight": _WHOLE,
        "open_streams": _WHOLE,
        "waiting": {
            "type": "array",
            "items": _object(
                {"scope": _LIMIT["scope"], "id": _TEXT, "model": _TEXT, "requests": _WHOLE}
            ),
        },
    },
    "Usage": {
        "object": {"const": "usage"},
        **dict.fromkeys(("by", "from", "to", "step"), _TEXT),
        "total": {"type": "boolean"},
        "data": {"type": "array", "items": {"type": "object"}},
        "totals": {"type": "object"},
    },
}
