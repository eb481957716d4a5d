"""A person with a client key, and a server that answers as no healthy chat-proxy does."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from wsgiref.simple_server import make_server

import pytest

from tests.cli.pseudo_terminal import PseudoTerminal
from tests.cli.running import Running
from tests.support import command
from tests.support.service import ROOT, clean_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from subprocess import CompletedProcess
    from wsgiref.types import StartResponse, WSGIEnvironment

    from tests.cli.cut_link import CutLink
    from tests.conftest import NewKey
    from tests.support.service import Service
    from tests.support.simulator import Control


@dataclass(frozen=True, slots=True)
class Person:
    """Runs `python -m proxy` in a directory of their own, with their own client key."""

    home: Path
    environment: dict[str, str]

    def run(self, *arguments: str, typed: str | bytes = "") -> CompletedProcess[str]:
        """Run a command to its end, on files."""
        sent = typed.encode() if isinstance(typed, str) else typed
        return command.run(arguments, self.environment, self.home, sent)

    def chat(self, *lines: str, options: tuple[str, ...] = ()) -> CompletedProcess[str]:
        """Chat with these lines from a pipe."""
        return self.run("chat", *options, typed="".join(line + "\n" for line in lines))

    def start(self, *arguments: str) -> Running:
        """Run a command in pipes, and be there while it runs."""
        return Running(*arguments, env=self.environment, cwd=self.home)

    def sit_down(self, *arguments: str) -> PseudoTerminal:
        """Run a command at a terminal."""
        return PseudoTerminal(*arguments, env=self.environment, cwd=self.home)


def person(home: Path, service: Service | CutLink, key: str) -> Person:
    """A person who has this key, and nothing yet at home."""
    known = {"PROXY_URL": service.url, "PROXY_KEY": key, "XDG_STATE_HOME": str(home / "state")}
    # The working directory is not the project's, so that is said where the package is.
    return Person(home, clean_environment(**known, PYTHONPATH=str(ROOT)))


@pytest.fixture
def ada(tmp_path: Path, service: Service, chatgpt: Control, new_key: NewKey) -> Person:
    return person(tmp_path, service, new_key())


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
