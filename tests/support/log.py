"""The service's log, line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from tests.support.waiting import wait_until

if TYPE_CHECKING:
    import requests

    from tests.support.service import Service


def lines(service: Service, event: str) -> list[dict[str, Any]]:
    """Its lines of an event, parsed."""
    written = [orjson.loads(line) for line in service.log.splitlines() if line.startswith("{")]
    return [line for line in written if line["event"] == event]


def line_of(service: Service, answer: requests.Response, event: str = "request") -> dict[str, Any]:
    """The one line of an answer's request; it may come a moment after the answer."""

    def found() -> list[dict[str, Any]]:
        named = answer.headers["X-Request-ID"]
        return [line for line in lines(service, event) if line.get("request_id") == named]

    wait_until(found, f"a line of event {event}")
    (line,) = found()
    return line
