"""/admin/api/keys: client keys made, listed, read, changed, rotated and revoked."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from proxy.operators.records import key_shown
from proxy.web import body, responses
from proxy.web.admin import schemas
from proxy.web.schemas import validate

if TYPE_CHECKING:
    from flask import Blueprint, Response

    from proxy.operators.keys import Keys
    from proxy.settings import Settings
    from proxy.store.client_keys import ClientKey
    from proxy.web.admin.guard import Guard


class KeyViews:
    """The views of client keys."""

    def __init__(self, settings: Settings, guard: Guard, keys: Keys) -> None:
        self._settings = settings
        self._guard = guard
        self._keys = keys

    def blueprint(self) -> Blueprint:
        """The routes of this module."""
        routes = self._guard.blueprint("keys")
        one = "/admin/api/keys/<key_id>"
        routes.get("/admin/api/keys")(self.list)
        routes.post("/admin/api/keys")(self.create)
        routes.get(one)(self.read)
        routes.patch(one)(self.patch)
        routes.delete(one)(self.delete)
        routes.post(f"{one}/rotate")(self.rotate)
        return routes

    def list(self) -> Response:
        """GET /admin/api/keys."""
        return responses.json({"object": "list", "data": [*map(_shown, self._keys.all())]})

    def create(self) -> Response:
        """POST /admin/api/keys."""
        wanted = validate(schemas.NewKey, body.read_json(self._settings))
        key, token = self._keys.create(wanted.given())
        headers = {"Location": f"/admin/api/keys/{key.id}"}
        return responses.json(_shown(key) | {"key": token}, 201, headers)

    def read(self, key_id: str) -> Response:
        """GET /admin/api/keys/{key_id}."""
        return responses.json(_shown(self._keys.find(key_id)))

    def patch(self, key_id: str) -> Response:
        """PATCH /admin/api/keys/{key_id}."""
        wanted = validate(schemas.KeyFields, body.read_json(self._settings))
        return responses.json(_shown(self._keys.change(key_id, wanted.given())))

    def delete(self, key_id: str) -> Response:
        """DELETE /admin/api/keys/{key_id}: the key is revoked, its record stays."""
        self._keys.revoke(key_id)
        return responses.nothing()

    def rotate(self, key_id: str) -> Response:
        """POST /admin/api/keys/{key_id}/rotate."""
        asked = validate(schemas.Rotation, body.read_json(self._settings, optional=True))
        key, token = self._keys.rotate(key_id, asked.overlap)
        return responses.json(_shown(key) | {"key": token})


def _shown(key: ClientKey) -> dict[str, Any]:
    shown = {"id": key.id, "object": "client_key", "state": key.state(time.time())}
    return shown | key_shown(key)
