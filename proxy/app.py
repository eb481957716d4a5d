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
from proxy.relay import Relay
from proxy.store.connection import Store
from proxy.store.keeper import Keeper
from proxy.store.reader import Reader
from proxy.telemetry import logs
from proxy.turns import Turns
from proxy.upstream.client import Upstream
from proxy.web import auth, chat, errors, health, hooks, openai, openapi, sessions
from proxy.web import turns as turn_views

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
    keeper = Keeper(store, settings)
    upstream = Upstream(settings)
    limiter = Limiter(store, settings)
    authenticator = auth.Authenticator(store, settings)
    turns = Chat(Turns(settings, store, keeper, planner, personas), keeper, upstream)
    for owned in (store, upstream, keeper):
        atexit.register(owned.close)

    app = Flask("proxy", static_folder=None)
    app.url_map.merge_slashes = False
    errors.register(app)
    hooks.register(app)
    reader = Reader(store, keeper, settings)
    relay = Relay(store, keeper, upstream, planner)
    chats = chat.ChatViews(settings, authenticator, limiter, turns, reader, store)
    app.register_blueprint(chats.blueprint())
    app.register_blueprint(
        turn_views.TurnViews(settings, authenticator, store, keeper, reader).blueprint()
    )
    completions = openai.OpenAIViews(settings, authenticator, limiter, turns, relay, reader, store)
    app.register_blueprint(completions.blueprint())
    views = sessions.Sessions(settings, authenticator, store, planner, personas)
    app.register_blueprint(views.blueprint())
    app.register_blueprint(health.blueprint(store))
    app.register_blueprint(openapi.blueprint())
    return app
