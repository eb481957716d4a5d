"""HTTP written by hand, for what no client library would send."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from http.client import HTTPResponse

import orjson


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """An answer as it came; `headers` by names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, str | None]:
        """The error that the body holds."""
        error: dict[str, str | None] = orjson.loads(self.body)["error"]
        return error


def exchange(port: int, sent: bytes, method: str = "POST") -> RawAnswer:
    """Send bytes to 127.0.0.1 and read one answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(sent)
        response = HTTPResponse(connection, method=method)
        response.begin()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return RawAnswer(response.status, headers, response.read())
