"""The admin interface's routes, and what tests make through it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import requests

    from tests.support.service import Client

ROUTES = [
    "GET /admin/api/keys",
    "POST /admin/api/keys",
    "GET /admin/api/keys/x",
    "PATCH /admin/api/keys/x",
    "DELETE /admin/api/keys/x",
    "POST /admin/api/keys/x/rotate",
    "GET /admin/api/teams",
    "POST /admin/api/teams",
    "GET /admin/api/teams/x",
    "PATCH /admin/api/teams/x",
    "DELETE /admin/api/teams/x",
    "GET /admin/api/limits",
    "GET /admin/api/limits?explain=x",
    "GET /admin/api/events",
    "GET /admin/api/usage",
    "GET /admin/api/activity",
]
KEYS, TEAMS = "/admin/api/keys", "/admin/api/teams"
WRONG_LIMITS: list[tuple[str, Any]] = [
    ("rpm", -1),
    ("rpm", "5"),
    ("rpm", 1.5),
    ("rpm", True),
    ("tpm", 1_000_000_001),
    ("burst", -1),
    ("max_parallel", []),
    ("budget_usd", 0),
    ("budget_usd", -0.5),
    ("budget_usd", 1_000_001),
    ("budget_usd", "1"),
    ("budget_period", "week"),
    ("shadow", "yes"),
    ("shadow", 1),
]
"""Fields of keys and teams that are wrong."""


def sent(admin: Client, line: str, **fields: Any) -> requests.Response:
    """What the admin interface answers to `PATCH /path` with these fields."""
    method, path = line.split(" ")
    return admin.request(method, path, json=fields)


def made(admin: Client, **fields: Any) -> dict[str, Any]:
    """A new key as the answer tells it, its secret included."""
    answer = sent(admin, f"POST {KEYS}", **({"name": "Ada"} | fields))
    assert answer.status_code == 201, answer.text
    key: dict[str, Any] = answer.json()
    return key


def formed(admin: Client, name: str, **fields: Any) -> dict[str, Any]:
    """A new team."""
    answer = sent(admin, f"POST {TEAMS}", name=name, **fields)
    assert answer.status_code == 201, answer.text
    team: dict[str, Any] = answer.json()
    return team
