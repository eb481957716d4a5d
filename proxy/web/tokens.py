"""POST /tokens: a client key vouches for a user, whose browser then needs no key."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from flask import Blueprint, Response, g, request

from proxy.domain.browser_tokens import BrowserToken
from proxy.domain.limits import Limits
from proxy.errors import NotFound
from proxy.web import body, responses, schemas

if TYPE_CHECKING:
    from proxy.domain.browser_tokens import Signer
    from proxy.settings import Settings
    from proxy.web.auth import Authenticator


class TokenViews:
    """The views of browser tokens."""

    def __init__(
        self, settings: Settings, authenticator: Authenticator, signer: Signer | None
    ) -> None:
        self._settings = settings
        self._authenticator = authenticator
        self._signer = signer

    def blueprint(self) -> Blueprint:
        """The routes of this module."""
        routes = Blueprint("tokens", __name__)
        routes.post("/tokens")(self.mint)
        return routes

    def mint(self) -> Response:
        """POST /tokens."""
        caller, seal = self._authenticator.voucher(request.headers)
        g.key_id = caller.key_id
        if self._signer is None:
            raise NotFound("No tokens are made here: the service needs PROXY_TOKEN_SECRET.")
        asked = schemas.validate(schemas.TokenRequest, body.read_json(self._settings))
        expires_ms = int((time.time() + asked.ttl) * 1000)
        limits = Limits(**asked.limits.model_dump()) if asked.limits else Limits()
        token = BrowserToken(
            caller.key_id, seal, asked.user, expires_ms, asked.origin or "", limits
        )
        minted = {
            "object": "token",
            "token": self._signer.sign(token),
            "user": asked.user,
            "expires_at": expires_ms // 1000,
            "ttl": asked.ttl,
            "origin": asked.origin,
        }
        return responses.json(minted, 201, {"Cache-Control": "no-store"})
