"""A client that keeps its connection open from one request to the next."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Self

from tests.web.raw_http import RawAnswer

if TYPE_CHECKING:
    from tests.support.service import Client, Service


class KeptConnection:
    """One connection; a request on it was answered when the `with` block begins."""

    def __init__(self, service: Service, caller: Client) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
        self._headers = {"Content-Type": "application/json", **caller.headers}

    def __enter__(self) -> Self:
        assert self.ask("GET", "/livez").status == 200
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def ask(self, method: str, path: str, body: str | None = None) -> RawAnswer:
        """Send a request; on a new connection if the last answer ended the former."""
        self._connection.request(method, path, body, self._headers)
        response = self._connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return RawAnswer(response.status, headers, response.read())

    def chat(self, message: str = "Hello") -> RawAnswer:
        """POST /chat."""
        return self.ask("POST", "/chat", json.dumps({"message": message}))
