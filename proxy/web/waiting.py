"""`wait` and `Prefer: wait=`: how long a request would rather wait for its turn than be refused."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flask import after_this_request, request

from proxy.errors import InvalidRequest
from proxy.web import streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Response

    from proxy.cancellation import Cancellation
    from proxy.settings import Settings

_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*([^,;]*)", re.IGNORECASE)
_SECONDS = re.compile(r"\"?([0-9]{1,9}(?:\.[0-9]{1,9})?)\"?\s*")


def asked(settings: Settings, wait: float | None = None) -> float:
    """Seconds that the request will wait, by its own field or the header; at most `wait_max`.

    Source of the header: RFC 7240, section 4.3.

    Raises:
        InvalidRequest: the header holds no number of seconds.
    """
    if wait is not None:
        return min(wait, settings.wait_max)
    named = _WAIT.search(request.headers.get("Prefer", ""))
    if named is None:
        return 0.0
    seconds = _SECONDS.fullmatch(named[1])
    if seconds is None:
        raise InvalidRequest(
            "'Prefer' should hold seconds to wait, such as wait=20.", param="Prefer"
        )
    granted = min(float(seconds[1]), settings.wait_max)

    @after_this_request
    def _say_so(response: Response) -> Response:
        response.headers["Preference-Applied"] = f"wait={granted:g}"
        return response

    return granted


@contextmanager
def watched(cancellation: Cancellation, wait_s: float) -> Iterator[None]:
    """A request that waits in here gives its place up when its caller goes away."""
    if not wait_s:
        yield
        return
    with streams.watched(cancellation.leave):
        yield
