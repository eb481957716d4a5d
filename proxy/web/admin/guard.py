"""Who may use the admin interface: who sends the admin token; nobody where there is none."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from flask import Blueprint, request

from proxy.errors import InvalidAdminToken, NotFound

if TYPE_CHECKING:
    from proxy.settings import Settings


class Guard:
    """Stands before every route of the admin interface."""

    def __init__(self, settings: Settings) -> None:
        token = settings.admin_token
        self._token = token.get_secret_value().encode() if token else b""

    @property
    def opens(self) -> bool:
        """Whether there is a token that opens it."""
        return bool(self._token)

    def blueprint(self, name: str) -> Blueprint:
        """A blueprint whose routes are behind the guard."""
        routes = Blueprint(f"admin_{name}", __name__)
        routes.before_request(self.check)
        return routes

    def check(self) -> None:
        """Let the request pass, or not.

        Raises:
            NotFound: there is no admin token, and so no admin interface.
            InvalidAdminToken: the request does not carry it.
        """
        if not self._token:
            raise NotFound("There is no admin interface here: it needs PROXY_ADMIN_TOKEN.")
        if not carries(self._token):
            raise InvalidAdminToken


def carries(token: bytes) -> bool:
    """Whether the request carries this token; the time that takes tells nothing of it."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    same = hmac.compare_digest(given.strip().encode(), token)
    return scheme.lower() == "bearer" and same
