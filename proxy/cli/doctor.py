"""`python -m proxy doctor`: is everything there that the service needs, and what to mend."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
import requests

from proxy.cli.answers import as_json
from proxy.domain.catalog import Catalog
from proxy.domain.personas import Personas
from proxy.errors import SettingsError, StoreUnavailable
from proxy.settings import load, unknown_names
from proxy.store import inspection
from proxy.store.connection import Store
from proxy.telemetry import logs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.settings import Settings

_COLOURS = {"ok": "green", "warning": "yellow", "wrong": "red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is (ok, warning, wrong), and what to do where it is not ok."""

    what: str
    state: str
    told: str


@click.command()
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON.")
def doctor(*, json_wanted: bool) -> None:
    """Check settings, Redis and ChatGPT, and say what to mend; status 1 if anything is wrong."""
    logs.silence()
    findings = list(_examine())
    if json_wanted:
        click.echo(as_json([{"what": f.what, "state": f.state, "told": f.told} for f in findings]))
    else:
        for finding in findings:
            state = click.style(f"{finding.state:8}", fg=_COLOURS[finding.state])
            click.echo(f"{state}{finding.what:10}{finding.told}")
    if any(finding.state == "wrong" for finding in findings):
        sys.exit(1)


def _examine() -> Iterator[Finding]:
    try:
        settings = load()
        models = Catalog(settings.models).names
        Personas(settings.personas)
    except SettingsError as error:
        yield Finding("settings", "wrong", str(error))
        return
    yield Finding("settings", "ok", f"{len(models)} models known, auth is {settings.auth}")
    for name in unknown_names():
        yield Finding("settings", "warning", f"{name} is no setting: is it misspelt?")
    if models and settings.default_model not in models:
        yield Finding(
            "settings", "warning", f"{settings.default_model} has no price in models.toml"
        )
    yield from _redis(settings)
    for key in settings.upstream_keys:
        yield _upstream(settings, key)


def _redis(settings: Settings) -> Iterator[Finding]:
    store = Store(settings)
    try:
        found = [*inspection.examine(store), *inspection.of_replicas(store, settings)]
    except StoreUnavailable:
        yield Finding("redis", "wrong", "it cannot be reached: is it up, and REDIS_URL right?")
        return
    finally:
        store.close()
    for finding in [*found, *inspection.of_way(settings)]:
        yield Finding("redis", finding.state, finding.told)


def _upstream(settings: Settings, key: str) -> Finding:
    url = f"{settings.openai_base_url}/models"
    name = "key" if key == settings.upstream_keys[0] else "next key"
    with requests.Session() as session:
        session.trust_env = False
        try:
            status = session.get(
                url,
                headers={"Authorization": f"Bearer {key}"},
                timeout=settings.upstream_connect_timeout,
                allow_redirects=False,
                verify=settings.upstream_ca_file or True,
            ).status_code
        except requests.RequestException as error:
            told = f"{settings.openai_base_url} cannot be reached: {type(error).__name__}"
            return Finding("chatgpt", "wrong", told)
    if status == 200:
        return Finding("chatgpt", "ok", f"{settings.openai_base_url} takes the {name}")
    if status in {401, 403}:
        return Finding("chatgpt", "wrong", f"it refuses the {name}: check OPENAI_API_KEY")
    return Finding("chatgpt", "wrong", f"{url} answers {status}: check OPENAI_BASE_URL")
