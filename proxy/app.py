"""The one place where everything is built and joined."""

from __future__ import annotations

import atexit
from typing import TYPE_CHECKING

from flask import Flask

from proxy.chat import Chat
from proxy.domain.catalog import Catalog
from proxy.domain.personas import Personas
from proxy.domain.plan import Planner
from proxy.limiter import Limiter
from proxy.store.connection import Store
from proxy.store.leases import Leases
from proxy.telemetry import logs
from proxy.upstream.client import Upstream
from proxy.web import auth, chat, errors, health, hooks, openapi, sessions

if TYPE_CHECKING:
    from proxy.settings import Settings


def create_app(settings: Settings) -> Flask:
    """Build the service; nothing is connected before the first request.

    Args:
        settings: from `proxy.settings.load`.

    Raises:
        SettingsError: models.toml or personas.toml is wrong.
    """
    logs.configure(settings)
    personas = Personas(settings.personas)
    planner = Planner(settings, Catalog(settings.models), personas)
    store = Store(settings)
    leases = Leases(store, settings.turn_lease)
    upstream = Upstream(settings)
    limiter = Limiter(store, settings)
    authenticator = auth.Authenticator(store, settings)
    turns = Chat(settings, store, leases, upstream, planner, personas)
    for owned in (store, upstream, leases):
        atexit.register(owned.close)

    app = Flask("proxy", static_folder=None)
    app.url_map.merge_slashes = False
    errors.register(app)
    hooks.register(app)
    app.register_blueprint(chat.blueprint(settings, authenticator, limiter, turns))
    views = sessions.Sessions(settings, authenticator, store, planner, personas)
    app.register_blueprint(views.blueprint())
    app.register_blueprint(health.blueprint(store))
    app.register_blueprint(openapi.blueprint())
    return app
