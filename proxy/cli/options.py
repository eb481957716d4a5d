"""Options that commands share: where the service is, and what a conversation begins with."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import urlsplit

import click

from proxy.cli.client import ProxyClient

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_URL = "http://127.0.0.1:8080"


def with_client(command: Callable[Concatenate[ProxyClient, P], R]) -> Callable[..., R]:
    """Give a command --url and --key, and hand it the client they make, closed after it."""

    @click.option(
        "--url",
        envvar="PROXY_URL",
        default=DEFAULT_URL,
        callback=_service_url,
        show_default=True,
        show_envvar=True,
        help="Where the chat-proxy answers.",
    )
    @click.option(
        "--key",
        envvar="PROXY_KEY",
        default="",
        callback=_client_key,
        show_envvar=True,
        help="The client key; other users of the machine see options, not the environment.",
    )
    @functools.wraps(command)
    def connected(*args: Any, url: str, key: str, **kwargs: Any) -> R:
        with ProxyClient(url, key) as client:
            return command(client, *args, **kwargs)

    return connected


def conversation_options(command: Callable[P, R]) -> Callable[P, R]:
    """Give a command --session, --model, --system and --persona."""
    for add in (
        click.option("--persona", metavar="NAME", help="A persona of the service, for a session."),
        click.option("--system", metavar="TEXT", help="Instructions for the session."),
        click.option("--model", metavar="NAME", help="The model that answers."),
        click.option("--session", "session_id", metavar="ID", help="Go on with this session."),
    ):
        command = add(command)
    return command


def _service_url(_ctx: click.Context, param: click.Parameter, value: str) -> str:
    url = value.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        sound = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise click.BadParameter(f"{value!r} is not like {DEFAULT_URL}.", param=param)
    return url


def _client_key(_ctx: click.Context, param: click.Parameter, value: str) -> str:
    key = value.strip()
    if not key.isascii() or not key.isprintable() or " " in key:
        raise click.BadParameter("a client key is like sk-proxy-..., in one word.", param=param)
    return key
