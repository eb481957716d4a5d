"""A server that answers as it is told, for what a healthy chat-proxy does not do."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from wsgiref.simple_server import make_server

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from wsgiref.types import StartResponse, WSGIEnvironment


@dataclass
class Stranger:
    """Answers each request with the next of `answers`: status, headers, body."""

    url: str = ""
    answers: deque[tuple[int, dict[str, str], str]] = field(default_factory=deque)

    def answer(self, status: int, body: str = "", **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.append((status, named, body))

    def serve(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        status, headers, body = self.answers.popleft()
        start_response(f"{status} Told", list(headers.items()))
        return [body.encode()]


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    told = Stranger()
    with make_server("127.0.0.1", 0, told.serve) as server:
        told.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield told
        server.shutdown()
        thread.join()
