"""A place where the service runs as docs/operations.md has it: its Redis, secrets and shell."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Self

import requests

from proxy.embedded import Child, find_redis_server
from tests.docs import pages
from tests.support.service import CANARY, ROOT, Service, clean_environment, free_port
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

PAGE = "docs/operations.md"
_BLOCK = re.compile(r"^( *)```sh runnable\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def blocks(heading: str) -> list[str]:
    """The runnable blocks under a heading of the page, in their order."""
    (text,) = re.findall(
        rf"^## {heading}\n(.*?)(?=^## |\Z)", pages.text(PAGE), re.MULTILINE | re.DOTALL
    )
    return [block for _, block in _BLOCK.findall(text)]


class Site:
    """A folder with `deploy/` and `secrets/`, a Redis with the shipped users, and the service."""

    def __init__(self, folder: Path, upstream_url: str) -> None:
        self._folder = folder
        self._data = folder / "redis"
        self._port = free_port()
        self._running = ExitStack()
        shutil.copytree(ROOT / "deploy", folder / "deploy")
        self._data.mkdir()
        command = [str(folder / "deploy" / "make-secrets.sh")]
        subprocess.run(command, input=CANARY, text=True, check=True, timeout=30)
        self._prepare_shell()
        self.name_redis()
        secrets = {"OPENAI_API_KEY": "openai_api_key", "REDIS_URL": "redis_url"}
        secrets |= {"PROXY_ADMIN_TOKEN": "admin_token", "PROXY_TOKEN_SECRET": "token_secret"}
        files = {f"{name}_FILE": str(folder / "secrets" / file) for name, file in secrets.items()}
        self.service = Service("", upstream_url, OPENAI_API_KEY="", **files)

    def __enter__(self) -> Self:
        self.start_redis()
        self._running.enter_context(self.service)
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()
        self.redis.stop()

    def run(self, block: str) -> str:
        """Run a block in the folder, with the variables of those before; what it printed."""
        text = block.replace("/var/lib/redis/", f"{self._data}/")
        ended = subprocess.run(
            ["sh"],
            input=f"set -eu\n. ./variables\n{text}\nexport id old new REDISCLI_AUTH\n"
            "export -p > variables\n",
            cwd=self._folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def secret(self, name: str) -> str:
        """What a file of secrets holds."""
        return (self._folder / "secrets" / name).read_text().strip()

    def name_redis(self) -> None:
        """Write this machine's Redis into the URL, which is made for containers."""
        file = self._folder / "secrets" / "redis_url"
        file.write_text(file.read_text().replace("@redis:6379", f"@127.0.0.1:{self._port}"))

    def reload(self) -> None:
        """SIGHUP, and wait until all workers are new ones."""
        former = set(self.service.workers)
        self.service.tell(signal.SIGHUP)
        wait_until(lambda: not former & set(self.service.workers), "the workers to be replaced")
        wait_until(partial(self._answers, "/livez"), "the new ones to answer")

    def stop_all(self) -> None:
        """The service, then Redis; its folder is emptied."""
        self._running.close()
        self.redis.stop()
        shutil.rmtree(self._data)
        self._data.mkdir()

    def start_redis(self) -> None:
        """With an append-only file and the shipped users."""
        users = str(self._folder / "secrets" / "redis_users")
        command = [str(find_redis_server()), "--port", str(self._port), "--dir", str(self._data)]
        command += ["--appendonly", "yes", "--save", "", "--aclfile", users]
        with (self._folder / "redis.log").open("ab") as log:
            self.redis = Child(command, stdout=log, stderr=log)

    def start_service(self) -> None:
        """And wait until it is ready."""
        self._running.enter_context(self.service)
        wait_until(partial(self._answers, "/readyz"), "the service to be ready")

    def _answers(self, path: str) -> bool:
        try:
            return requests.get(self.service.url + path, timeout=5).ok
        except requests.ConnectionError:
            return False

    def _prepare_shell(self) -> None:
        (self._folder / "variables").write_text("id= old= new= REDISCLI_AUTH=\n")
        programs = self._folder / "bin"
        programs.mkdir()
        redis_cli = find_redis_server().with_name("redis-cli")
        (programs / "redis-cli").write_text(f'#!/bin/sh\nexec {redis_cli} -p {self._port} "$@"\n')
        (programs / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        for program in programs.iterdir():
            program.chmod(0o755)

    def _environment(self) -> dict[str, str]:
        return clean_environment(
            PATH=f"{self._folder / 'bin'}:{os.environ['PATH']}",
            PYTHONPATH=str(ROOT),
            NEW_OPENAI_API_KEY=f"{CANARY}-next",
            **{n: v for n, v in self.service.environment.items() if n.endswith("_FILE") and v},
            OPENAI_BASE_URL=self.service.environment["OPENAI_BASE_URL"],
        )
