"""`python -m proxy serve`: the service, with a Redis and a simulated ChatGPT where none is set."""

from __future__ import annotations

import secrets
import signal
import socket
import sys
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import click
import requests

from proxy import __version__
from proxy.embedded import Child, EmbeddedRedis
from proxy.errors import SettingsError
from proxy.settings import (
    CONFIG_DIR,
    LOOPBACK,
    SIMULATED_KEY,
    environment,
    given,
    load,
    unknown_names,
)
from proxy.simulator.process import SimulatedChatGPT

if TYPE_CHECKING:
    from proxy.settings import Settings

_START_S = 30.0
_DEMO_GRACE_S = "3"
"""A page that keeps its connection open must not hold Ctrl-C up in a first run."""
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class _Parts:
    """What was started besides the service: the URL of an embedded Redis, or None; a simulator."""

    redis_url: str | None
    simulated: bool


class _Stopped(Exception):
    """A signal asked to stop."""


@click.command()
@click.option("--host", help="The address to listen on [PROXY_HOST, 127.0.0.1].")
@click.option("--port", type=int, help="The port to listen on [PROXY_PORT, 8080].")
@click.option("--workers", type=int, help="Worker processes [WEB_CONCURRENCY, one a core].")
def serve(host: str | None, port: int | None, workers: int | None) -> None:
    """Serve until Ctrl-C.

    Without REDIS_URL on an embedded Redis, without OPENAI_API_KEY on a simulated ChatGPT.
    """
    chosen = {"PROXY_HOST": host, "PROXY_PORT": port, "WEB_CONCURRENCY": workers}
    environ = environment()
    environ |= {name: str(value) for name, value in chosen.items() if value is not None}
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, _stop)
    with ExitStack() as started, suppress(_Stopped):
        parts = _start_parts(environ, started)
        settings = load(environ)
        _refuse_taken_port(settings)
        service = _start_service(environ, settings, started)
        click.echo(_banner(settings, parts))
        _wait(service)


def _stop(*_: object) -> NoReturn:
    raise _Stopped


def _start_parts(environ: dict[str, str], started: ExitStack) -> _Parts:
    """Start what is not set, and point the environment of the service to it."""
    names = given(environ)
    simulated = "OPENAI_API_KEY" not in names
    if simulated and "OPENAI_BASE_URL" in names:
        raise SettingsError(
            "OPENAI_BASE_URL is set but OPENAI_API_KEY is not: export the key that goes with it, "
            "any word if that upstream asks for none."
        )
    redis_url = None
    if "REDIS_URL" not in names:
        redis_url = started.enter_context(EmbeddedRedis()).url
        environ["REDIS_URL"] = redis_url
    if simulated:
        chatgpt = started.enter_context(SimulatedChatGPT(api_key=SIMULATED_KEY))
        environ |= {"OPENAI_BASE_URL": chatgpt.url, "OPENAI_API_KEY": SIMULATED_KEY}
        if "PROXY_TOKEN_SECRET" not in names:  # the key is a public word: none is derived from it
            environ["PROXY_TOKEN_SECRET"] = secrets.token_urlsafe(32)
        if "PROXY_AUTH" not in names and load(environ).host in LOOPBACK:
            environ["PROXY_AUTH"] = "open"
        environ.setdefault("PROXY_GRACEFUL_TIMEOUT", _DEMO_GRACE_S)
    if "PROXY_LOG_FORMAT" not in names and sys.stdout.isatty():
        environ["PROXY_LOG_FORMAT"] = "console"
    return _Parts(redis_url, simulated)


def _refuse_taken_port(settings: Settings) -> None:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise click.ClickException(
                f"cannot listen on {settings.host}:{settings.port} ({error.strerror}): stop what "
                "listens there, or choose another port with --port."
            ) from None


def _start_service(environ: dict[str, str], settings: Settings, started: ExitStack) -> Child:
    configuration = str(CONFIG_DIR / "gunicorn.conf.py")
    command = (sys.executable, "-m", "gunicorn", "-c", configuration, "proxy.wsgi:app")
    service = Child(command, env=environ)
    started.callback(service.stop, settings.graceful_timeout + 2.0)
    deadline = time.monotonic() + _START_S
    while not _answers(settings):
        if not service.running or time.monotonic() > deadline:
            raise click.ClickException("the service did not start; the lines above say why.")
        time.sleep(_POLL_S)
    return service


def _answers(settings: Settings) -> bool:
    with requests.Session() as session:
        session.trust_env = False
        try:
            return session.get(_url(settings) + "/livez", timeout=1).ok
        except requests.RequestException:
            return False


def _wait(service: Child) -> None:
    while service.running:
        time.sleep(0.2)
    raise click.ClickException("the service ended by itself; the lines above say why.")


def _url(settings: Settings) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def _banner(settings: Settings, parts: _Parts) -> str:
    """What was started, and a line to paste."""
    say = click.style
    if parts.simulated:
        chatgpt = say("SIMULATED: no OPENAI_API_KEY is set, nobody real answers", fg="yellow")
    else:
        chatgpt = settings.openai_base_url
    redis = "as REDIS_URL says"
    if parts.redis_url:
        redis = f"embedded, forgotten when this stops: REDIS_URL='{parts.redis_url}'"
    keys = "every caller needs one: python -m proxy keys create NAME"
    if settings.auth == "open":
        keys = "open: nobody is asked for one (PROXY_AUTH=keys asks)"
    lines = [
        say(f"chat-proxy {__version__} serves on {_url(settings)}", bold=True),
        f"  ChatGPT  {chatgpt}",
        f"  Redis    {redis}",
        f"  Keys     {keys}",
        *(f"  Warning  {name} is no setting" for name in unknown_names()),
        "",
        "Paste this into another terminal:",
        "",
        *_try_it(settings, parts),
        "",
        "Ctrl-C stops all of it.",
    ]
    return "\n".join(lines)


def _try_it(settings: Settings, parts: _Parts) -> list[str]:
    body = """-H 'Content-Type: application/json' -d '{"message": "Hello! My name is Ada."}'"""
    if settings.auth == "open":
        return [f"  curl -sS {_url(settings)}/chat {body}"]
    store = f"REDIS_URL='{parts.redis_url}' " if parts.redis_url else ""
    return [
        f"  export PROXY_KEY=$({store}{sys.executable} -m proxy keys create me)",
        f'  curl -sS {_url(settings)}/chat -H "Authorization: Bearer $PROXY_KEY" {body}',
    ]
