"""The one place where everything is built and joined."""

from __future__ import annotations

import atexit
from contextlib import closing
from typing import TYPE_CHECKING

from flask import Blueprint, Flask

from proxy.activity import Telling
from proxy.chat import Chat
from proxy.commits import Commits
from proxy.domain import browser_tokens
from proxy.domain.catalog import Catalog
from proxy.domain.personas import Personas
from proxy.domain.plan import Planner
from proxy.learning import Learning
from proxy.limiter import Limiter
from proxy.operators.keys import Keys
from proxy.operators.limits import Limits
from proxy.operators.teams import Teams
from proxy.relay import Relay
from proxy.reservations import Reservations
from proxy.sampling import Sampler
from proxy.store import inspection
from proxy.store.connection import Store
from proxy.store.keeper import Keeper
from proxy.store.reader import Reader
from proxy.telemetry import logs, traces
from proxy.turns import Turns
from proxy.upstream.client import Upstream
from proxy.web import (
    auth,
    browser_pages,
    chat,
    chat_page,
    cors,
    docs,
    errors,
    health,
    hooks,
    markdown,
    metrics,
    openai,
    openapi,
    sessions,
)
from proxy.web import tokens as token_views
from proxy.web import turns as turn_views
from proxy.web.admin import page as admin_page
from proxy.web.admin.activity import ActivityViews
from proxy.web.admin.events import EventViews
from proxy.web.admin.guard import Guard
from proxy.web.admin.keys import KeyViews
from proxy.web.admin.limits import LimitViews
from proxy.web.admin.teams import TeamViews
from proxy.web.admin.usage import UsageViews
from proxy.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.settings import Settings


def create_app(settings: Settings) -> Flask:
    """Build the service; nothing is connected before the first request.

    Args:
        settings: from `proxy.settings.load`.

    Raises:
        SettingsError: models.toml or personas.toml is wrong.
    """
    logs.configure(settings)
    traces.configure(settings)
    personas = Personas(settings.personas)
    catalog = Catalog(settings.models)
    planner = Planner(settings, catalog, personas)
    store = Store(settings)
    learning = Learning(store, settings, catalog)
    upstream = Upstream(settings)
    upstream.told, upstream.refused = learning.told, learning.refused
    limiter = Limiter(store, settings, learning)
    workload = Workload(settings)
    telling = Telling(workload, limiter.room)
    keeper = Keeper(store, settings, lambda s: [*learning.news(s), *telling.news(alone=s > 0)])
    signer = browser_tokens.signer(settings)
    authenticator = auth.Authenticator(store, settings, signer)
    commits = Commits(store, keeper, planner, settings)
    opener = Turns(settings, store, keeper, planner, personas)
    turns = Chat(opener, commits, keeper, upstream, workload)
    for owned in (store, upstream, keeper):
        atexit.register(owned.close)
    atexit.register(traces.close)

    app = Flask("proxy", static_folder=None, template_folder="web/templates")
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.url_map.merge_slashes = False
    degradation = limiter.degradation
    app.extensions["workload"] = workload
    app.extensions["sampler"] = Sampler(workload, limiter.room, upstream, store.outage, degradation)
    errors.register(app, settings)
    hooks.register(app, workload)
    cors.Cors(settings).register(app)
    reader = Reader(store, keeper, settings)
    reservations = Reservations(store, keeper, planner, limiter.uncounted)
    relay = Relay(reservations, keeper, upstream, planner, workload)
    chats = chat.ChatViews(settings, authenticator, limiter, turns, reader, store)
    app.register_blueprint(chats.blueprint())
    app.register_blueprint(turn_views.TurnViews(authenticator, store, keeper, reader).blueprint())
    completions = openai.OpenAIViews(settings, authenticator, limiter, turns, relay, reader, store)
    app.register_blueprint(completions.blueprint())
    views = sessions.Sessions(settings, authenticator, store, planner, personas)
    app.register_blueprint(views.blueprint())
    app.register_blueprint(token_views.TokenViews(settings, authenticator, signer).blueprint())
    app.register_blueprint(health.blueprint(store, workload))
    app.register_blueprint(metrics.blueprint(settings, store, limiter, app.extensions["sampler"]))
    app.register_blueprint(openapi.blueprint())
    app.register_blueprint(browser_pages.blueprint())
    app.register_blueprint(docs.blueprint())
    app.register_blueprint(markdown.blueprint(settings, authenticator))
    app.register_blueprint(chat_page.blueprint(settings, catalog, personas))
    for routes in _admin(settings, store, limiter, catalog):
        app.register_blueprint(routes)
    return app


def look_at_store(settings: Settings) -> None:
    """Say in the log what of Redis is not as it should be."""
    logs.configure(settings)
    with closing(Store(settings)) as store:
        inspection.report(store, settings)


def _admin(
    settings: Settings, store: Store, limiter: Limiter, catalog: Catalog
) -> Iterator[Blueprint]:
    """The admin interface."""
    guard = Guard(settings)
    keys, teams = Keys(store, "admin"), Teams(store, "admin")
    limits = Limits(settings, limiter, catalog, keys, teams)
    yield KeyViews(settings, guard, keys).blueprint()
    yield TeamViews(settings, guard, teams).blueprint()
    yield LimitViews(guard, limits).blueprint()
    yield EventViews(store, guard).blueprint()
    yield UsageViews(store, guard).blueprint()
    yield ActivityViews(store, guard).blueprint()
    yield admin_page.blueprint(guard)
