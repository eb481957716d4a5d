"""Where nobody is asked for a key: which requests a page of somebody else made a browser send.

A browser sends some requests of any page to any address, loopback too, without asking first. The
page cannot read the answer, but the request would have its effect; and a page whose name begins to
point to this address afterwards (DNS rebinding) could read it.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from proxy.errors import ForeignPage
from proxy.settings import LOOPBACK, split_url

if TYPE_CHECKING:
    from werkzeug.datastructures import Headers

    from proxy.settings import Settings

_OWN = {"same-origin", "none"}


class OwnPages:
    """Tells the service's own pages, and callers that are no pages, from others."""

    def __init__(self, settings: Settings) -> None:
        self._origins = frozenset(settings.cors_origins)
        self._names = {urlsplit(origin).hostname for origin in self._origins}
        self._on_loopback = settings.host in LOOPBACK

    def check(self, headers: Headers) -> None:
        """Let these headers pass, or not.

        Raises:
            ForeignPage: a page of an origin that may not made a browser send them.
        """
        origin = headers.get("Origin")
        host = headers.get("Host", "")
        if origin is None:
            if headers.get("Sec-Fetch-Site", "none") not in _OWN:
                raise ForeignPage("Sec-Fetch-Site")
        elif origin not in self._origins and origin.partition("://")[2] != host:
            raise ForeignPage("Origin")
        if self._on_loopback and not self._is_ours(host):
            raise ForeignPage("Host")

    def _is_ours(self, host: str) -> bool:
        """Whether no stranger can let this name point to loopback: an address, or one word."""
        url = split_url(f"//{host}")
        name = (url.hostname if url else None) or ""
        try:
            ip_address(name)
        except ValueError:
            return name in self._names or "." not in name.removesuffix(".localhost")
        return True
