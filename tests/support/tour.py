"""A caller's way through all that the service does, one answer after another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.service import Client

RELAYED = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}
OPERATED = ("keys", "teams", "limits", "usage", "activity", "events")
"""What operators read under /admin/api."""


def conversations(caller: Client) -> Iterator[Any]:
    """What a caller does with conversations."""
    first = caller.chat("Hello")
    yield first
    queued = caller.chat("Hello", stream=True, wait=5)
    yield queued
    turn = queued.headers["X-Turn-ID"]
    yield caller.get(f"/chat/turns/{turn}/events")
    yield caller.post(f"/chat/turns/{turn}/cancel")
    yield caller.request(
        "POST", "/chat", json={"message": "once"}, headers={"Idempotency-Key": "k"}
    )
    path = f"/sessions/{first.json()['session_id']}"
    yield caller.chat("More", session_id=first.json()["session_id"], stream=True)
    yield caller.get(path)
    yield caller.get("/sessions?q=Hello")
    yield caller.request("PATCH", path, json={"title": "A title"})
    yield caller.get(f"{path}/export")
    yield caller.post(f"{path}/fork", json={})
    yield caller.post(f"{path}/regenerate", json={})
    yield caller.post(f"{path}/undo", json={})
    yield caller.request("DELETE", path)
    yield caller.post("/tokens", json={"user": "ada"})
    yield caller.post("/v1/chat/completions", json=RELAYED)
    yield caller.get("/v1/models")


def administration(admin: Client) -> Iterator[Any]:
    """What an operator does with keys and teams, and reads of everybody."""
    team = admin.post("/admin/api/teams", json={"name": "tour", "rpm": 100})
    yield team
    made = admin.post("/admin/api/keys", json={"name": "made", "team": "tour"})
    yield made
    path = f"/admin/api/keys/{made.json()['id']}"
    yield admin.get(path)
    yield admin.request("PATCH", path, json={"rpm": 5})
    yield admin.post(f"{path}/rotate", json={})
    yield admin.get(f"/admin/api/limits?explain={made.json()['id']}")
    yield admin.request("DELETE", path)
    for name in OPERATED:
        yield admin.get(f"/admin/api/{name}")
    yield admin.request("DELETE", "/admin/api/teams/tour")
    yield admin.get("/metrics")
    yield admin.get("/readyz")
