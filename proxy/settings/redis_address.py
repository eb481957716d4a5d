"""REDIS_URL: a Redis, the sentinels that know which one is the master, or a Redis Cluster."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qs, quote, urlsplit, urlunsplit

from proxy.settings.addresses import split

if TYPE_CHECKING:
    from urllib.parse import SplitResult

Place = tuple[str, int]
"""Where a server listens: host and port."""

_SCHEMES = ("redis", "rediss", "unix")
_OPTIONS = frozenset({"db"})
"""What may stand behind the question mark: redis-py takes more, and lets it win over ours."""
_TLS_OPTIONS = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_check_hostname", "ssl_keyfile"})
"""What may stand there too where the scheme begins with rediss."""
_SERVICE = re.compile(r"/(?P<name>[A-Za-z0-9._-]+)(?:/(?P<database>[0-9]*))?")
_SENTINEL_PORT, _NODE_PORT = 26379, 6379


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """What a REDIS_URL says.

    Attributes:
        kind: what it names.
        whole: the URL itself, which is a server's if that is what it names.
        places: the sentinels, or some nodes of the cluster.
        service: what the sentinels call the master.
        database: its number, where there are sentinels.
    """

    kind: Literal["server", "sentinel", "cluster"]
    whole: str = field(repr=False)
    places: tuple[Place, ...] = ()
    service: str = ""
    database: str = ""

    def of_server(self, place: Place) -> str:
        """The URL of one of several servers, with the user, password and options of them all."""
        login, at, _ = urlsplit(self.whole).netloc.rpartition("@")
        return self._plain(f"{login}{at}{_written(place)}", f"/{self.database or 0}")

    def of_sentinel(self, place: Place, password: str) -> str:
        """The URL of a sentinel, which has a password of its own, or none."""
        login = f":{quote(password, safe='')}@" if password else ""
        return self._plain(f"{login}{_written(place)}", "")

    def _plain(self, location: str, path: str) -> str:
        url = urlsplit(self.whole)
        return urlunsplit((url.scheme.partition("+")[0], location, path, url.query, ""))


def read_redis_url(value: str) -> RedisAddress:
    """What a REDIS_URL says.

    Raises:
        ValueError: it is none, or has options that are not ours to leave open; the text says what
            would be right.
    """
    secure, _, several = value.partition("://")[0].partition("+")
    options = {"rediss": _TLS_OPTIONS}.get(secure, frozenset[str]())
    if several and secure in {"redis", "rediss"} and several in _SEVERAL:
        return _SEVERAL[several](value, options)
    return _server(value, _OPTIONS | options)


def _server(value: str, options: frozenset[str]) -> RedisAddress:
    url = split(value)
    if url is None or url.scheme not in _SCHEMES or not _names_a_server(url):
        raise ValueError(
            "must be a URL such as redis://127.0.0.1:6379/0, rediss://..., redis+sentinel://..., "
            "redis+cluster://... or unix:///path"
        )
    _check_options(url, options)
    return RedisAddress("server", value)


def _names_a_server(url: SplitResult) -> bool:
    """Whether it names a host, or a socket's path, and the database by its number if at all."""
    databases = parse_qs(url.query).get("db", [])
    if url.scheme == "unix":
        placed = bool(url.path) and not url.hostname
    else:
        placed = bool(url.hostname)
        databases.append(url.path.removeprefix("/"))
    numbered = all(re.fullmatch("[0-9]*", database) for database in databases)
    return placed and numbered and not url.fragment


def _behind_sentinels(value: str, options: frozenset[str]) -> RedisAddress:
    url = _parts(value)
    places, service = _places(url, _SENTINEL_PORT), _SERVICE.fullmatch(url.path)
    if not places or not service or url.fragment:
        raise ValueError(
            "must be a URL such as redis+sentinel://host:26379,host:26379/SERVICE/0, where SERVICE "
            "is what the sentinels call the master"
        )
    _check_options(url, options)
    return RedisAddress("sentinel", value, places, service["name"], service["database"] or "")


def _cluster(value: str, options: frozenset[str]) -> RedisAddress:
    url = _parts(value)
    places = _places(url, _NODE_PORT)
    if not places or url.path not in {"", "/", "/0"} or url.fragment:
        raise ValueError(
            "must be a URL such as redis+cluster://host:6379,host:6379; "
            "a cluster has no other database than 0"
        )
    _check_options(url, options)
    return RedisAddress("cluster", value, places)


def _parts(value: str) -> SplitResult:
    """A URL's parts, all empty if it is none: urlsplit's errors repeat parts, maybe a password."""
    try:
        return urlsplit(value)
    except ValueError:
        return urlsplit("")


_SEVERAL = {"sentinel": _behind_sentinels, "cluster": _cluster}


def _places(url: SplitResult, port: int) -> tuple[Place, ...]:
    """The servers that a URL lists; nothing if one of them is written wrongly."""
    hosts = [split(f"//{host}") for host in url.netloc.rpartition("@")[2].split(",")]
    found = [(host.hostname, host.port or port) for host in hosts if host and host.hostname]
    return tuple(found) if len(found) == len(hosts) else ()


def _written(place: Place) -> str:
    host, port = place
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _check_options(url: SplitResult, known: frozenset[str]) -> None:
    if not parse_qs(url.query, keep_blank_values=True).keys() <= known:
        told = f"only {', '.join(sorted(known))}" if known else "nothing"
        raise ValueError(f"may hold {told} after '?'")
