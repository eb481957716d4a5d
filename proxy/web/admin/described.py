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
    named,
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
    "rpm": told(maybe(WHOLE), "requests a minute; null for the default, 0 for no limit"),
    "tpm": told(maybe(WHOLE), "tokens a minute; likewise"),
    "burst": told(maybe(WHOLE), "requests at once; null for a minute's worth"),
    "max_parallel": told(maybe(WHOLE), "requests in flight; null for no limit"),
    "budget_usd": told(maybe(NUMBER), "what may be spent in a period; null for no budget"),
    "budget_period": {"enum": ["day", "month"]},
    "shadow": told(TRUTH, "whether the limits are only counted"),
}
_KEY = {
    "id": told(TEXT, "names the key; it is no secret"),
    "object": {"const": "client_key"},
    "state": {"enum": ["active", "revoked", "expired"]},
    "name": TEXT,
    "team": told(maybe(TEXT), "whose limits hold for it too"),
    "models": told(items(TEXT), "those it may use; empty for all"),
    "created_at": told(WHOLE, _SECONDS),
    "expires_at": told(maybe(WHOLE), f"{_SECONDS}; null for never"),
    "revoked_at": told(maybe(WHOLE), f"{_SECONDS}; null if it is not"),
    **_LIMITS,
}
_TEAM = {
    "id": told(TEXT, "its name"),
    "object": {"const": "team"},
    "created_at": told(WHOLE, _SECONDS),
    "weight": told(WHOLE, "its due when all wait, compared to others"),
    **_LIMITS,
}
_SCOPE = {"enum": ["upstream", "model", "team", "key", "user"]}
_LIMIT = {
    "scope": told(_SCOPE, "whose it is"),
    "id": told(TEXT, "which of them"),
    "resource": {"enum": ["requests", "tokens", "concurrency", "usd"]},
    "rate": told(NUMBER, "so much a period"),
    "burst": told(NUMBER, "so much at once"),
    "period": {"enum": ["minute", "day", "month", None]},
    "mode": told({"enum": ["enforced", "shadow", "learned"]}, "learned: as ChatGPT told it"),
}
_BALANCE = _LIMIT | {
    "remaining": told(NUMBER, "what is left"),
    "short": told(NUMBER, "what it is below zero"),
    "wait_s": told(NUMBER, "seconds until there is one unit"),
    "full_in_s": told(NUMBER, "seconds until it is full, or renews itself"),
}
_EVENT = {
    "id": TEXT,
    "at": told(WHOLE, _SECONDS),
    "actor": told({"enum": ["admin", "cli"]}, "this interface, or the terminal"),
    "action": told(TEXT, "such as key.changed"),
    "target": told(TEXT, "the key's or the team's id"),
    "changes": {
        "type": "object",
        "description": "each field that changed: before and after",
        "additionalProperties": {"type": "array", "minItems": 2, "maxItems": 2},
    },
}
_MEANINGS = {
    "requests": "let through by the limits, whatever came of them",
    "refused": "refused by a limit or a budget of ours",
    "refused_upstream": "of the requests, those that ChatGPT refused for its own limits",
    "shadowed": "of the requests, those that a shadow limit would have refused",
    "errors": "of the requests, those that failed or broke off",
    "latency": "of requests that were answered to their end",
    "first_word": "until the first word of those that streamed",
}
_FIGURES = {
    name: told(
        thing(dict.fromkeys(value, maybe(NUMBER))) if isinstance(value, dict) else NUMBER,
        _MEANINGS.get(name, ""),
    )
    for name, value in figures({}).items()
}

ANSWERS: dict[str, dict[str, Any]] = {
    "Key": _KEY,
    "NewKeyAnswer": _KEY | {"key": told(TEXT, "what the client sends; told this once")},
    "KeyList": listed(named("Key")),
    "Team": _TEAM,
    "TeamList": listed(named("Team")),
    "Balance": _BALANCE,
    "LimitReport": {
        "object": {"enum": ["list", "explanation"]},
        "data": told(items(named("Balance")), "of a list"),
        "limits": told(items(named("Balance")), "of an explanation, from the innermost"),
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
    "EventList": listed(thing(_EVENT)) | {"next_cursor": maybe(TEXT)},
    "Activity": {
        "object": {"const": "activity"},
        "in_flight": told(WHOLE, "requests that are being answered"),
        "open_streams": told(WHOLE, "answers that stream, or wait for it"),
        "waiting": items(thing({"scope": _SCOPE, "id": TEXT, "model": TEXT, "requests": WHOLE})),
    },
    "Usage": {
        "object": {"const": "usage"},
        **dict.fromkeys(("by", "from", "to", "step"), TEXT),
        "total": TRUTH,
        "data": items(thing({"start": TEXT, "name": TEXT} | _FIGURES)),
        "totals": told(thing(_FIGURES), "the same figures of all rows together"),
    },
}
