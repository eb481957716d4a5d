"""Addresses in the settings: of ChatGPT and of the pages that may call from browsers."""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
from urllib.parse import SplitResult, urlsplit

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_METADATA_NETWORKS = tuple(
    map(
        ipaddress.ip_network,
        ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "100.100.100.200/32"),
    )
)
"""Where clouds hand the secrets of a machine to whoever asks from it: link-local and others."""
_METADATA_NAMES = re.compile(r"metadata|metadata\..*|instance-data|instance-data\..*")

_HOST = r"(?:[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:]+\])"
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_PORT = r"(?::[1-9][0-9]{0,4})?"
_ORIGIN = re.compile(rf"(?:http://{_HOST}(?!:80$)|https://{_HOST}(?!:443$)){_PORT}")


def check_base_url(value: str, *, allow_http: bool) -> str:
    """A base URL that names a server and nothing else, without the slash at its end.

    Args:
        value: the URL.
        allow_http: whether the key may go through the network in the clear.

    Raises:
        ValueError: it does not; the text says what would be right.
    """
    url = split(value)
    if url is None or url.scheme not in {"http", "https"} or not url.hostname:
        raise ValueError("must be a URL such as https://api.openai.com/v1")
    if "@" in url.netloc or "?" in value or "#" in value:
        raise ValueError("must hold no user, password, query or fragment")
    host = _check_host(url.hostname)
    if url.scheme == "http" and not (allow_http or _is_loopback(host)):
        raise ValueError(
            "must begin with https://, for the key would go through the network in the clear; "
            "where that is safe set PROXY_UPSTREAM_ALLOW_HTTP=true"
        )
    return value.rstrip("/")


def check_collector(value: str) -> str:
    """The URL of a collector of traces, without the slash at its end.

    Raises:
        ValueError: it is none.
    """
    url = split(value)
    plain = url and url.scheme in {"http", "https"} and url.hostname
    if not url or not plain or "@" in url.netloc or "?" in value or "#" in value:
        raise ValueError(
            "must be a URL such as http://127.0.0.1:4318, without user, password or query"
        )
    return value.rstrip("/").removesuffix("/v1/traces")


def _check_host(host: str) -> str:
    """A host by its name or its address, written as everybody writes it; its dot at the end goes.

    Raises:
        ValueError: it is written so that it hides what it is, or is a cloud's metadata service.
    """
    host = host.removesuffix(".")
    address = _address(host)
    if address is None and not _NAME.fullmatch(host):
        raise ValueError("must name its host in ASCII letters, digits, '-' and '.'")
    metadata = address is not None and any(
        address in network for network in _METADATA_NETWORKS if network.version == address.version
    )
    if metadata or _METADATA_NAMES.fullmatch(host):
        raise ValueError("must not lead to a cloud's metadata service, which is no ChatGPT")
    return host


def _is_loopback(host: str) -> bool:
    """Whether it surely stays on this machine."""
    address = _address(host)
    return host in LOOPBACK or (address is not None and address.is_loopback)


def check_certificates(path: str) -> None:
    """A file of certificates to trust, in PEM.

    Raises:
        ValueError: it cannot be read or holds none.
    """
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:
        reason = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise ValueError(f"must name a file of certificates in PEM: {reason}") from None


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


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a host is, None if it is a name.

    Raises:
        ValueError: it is an address in disguise: in decimal, octal or hex, short of parts, or an
            IPv4 address within IPv6.
    """
    odd = ValueError("must write an IP address in the usual way, such as 192.0.2.7")
    if ":" in host:
        try:
            address = ipaddress.IPv6Address(host)
        except ValueError:
            raise odd from None
        if address.ipv4_mapped or address.sixtofour or address in _NAT64:
            raise odd
        return address
    try:
        packed = socket.inet_aton(host)
    except OSError:
        return None
    plain = ipaddress.IPv4Address(packed)
    if str(plain) != host:
        raise odd
    return plain
