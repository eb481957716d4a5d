"""Addresses in the settings: of ChatGPT, of Redis and of the pages that may call from browsers."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qs, urlsplit

REDIS_SCHEMES = ("redis", "rediss", "unix")
REDIS_OPTIONS = frozenset({"db"})
"""What may stand behind the question mark: redis-py takes more, and lets it win over ours."""
TLS_OPTIONS = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_check_hostname", "ssl_keyfile"})
"""What may stand there too after rediss://."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")

_HOST = r"(?:[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:]+\])"
_PORT = r"(?::[1-9][0-9]{0,4})?"
_ORIGIN = re.compile(rf"(?:http://{_HOST}(?!:80$)|https://{_HOST}(?!:443$)){_PORT}")


def check_base_url(value: str) -> str:
    """A base URL that names a server and nothing else, without the slash at its end.

    Raises:
        ValueError: it does not; the text says what would be right.
    """
    url = split(value)
    if url is None or url.scheme not in {"http", "https"} or not url.hostname:
        raise ValueError("must be a URL such as https://api.openai.com/v1")
    if url.username or url.password or url.query or url.fragment:
        raise ValueError("must hold no user, password, query or fragment")
    return value.rstrip("/")


def check_redis_url(value: str) -> None:
    """A URL of a Redis, with the options that are ours to leave open.

    Raises:
        ValueError: it is none; the text says what would be right.
    """
    url = split(value)
    if url is None or url.scheme not in REDIS_SCHEMES or not _names_a_redis(url):
        raise ValueError(
            "must be a URL such as redis://127.0.0.1:6379/0, rediss://... or unix:///path"
        )
    known = REDIS_OPTIONS | (TLS_OPTIONS if url.scheme == "rediss" else set())
    if not parse_qs(url.query, keep_blank_values=True).keys() <= known:
        raise ValueError(f"may hold after '?' only {', '.join(sorted(known))}")


def is_origin(text: str) -> bool:
    """Whether this is an http or https origin, written as browsers send it."""
    return _ORIGIN.fullmatch(text) is not None and split(text) is not None


def split(url: str) -> SplitResult | None:
    """A URL's parts, None if it is none: urlsplit's errors repeat parts, maybe of a password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    return None if port == 0 else parts


def _names_a_redis(url: SplitResult) -> bool:
    """Whether it names a host, or a socket's path, and the database by its number if at all."""
    databases = parse_qs(url.query).get("db", [])
    if url.scheme == "unix":
        placed = bool(url.path) and not url.hostname
    else:
        placed = bool(url.hostname)
        databases.append(url.path.removeprefix("/"))
    numbered = all(re.fullmatch("[0-9]*", database) for database in databases)
    return placed and numbered and not url.fragment
