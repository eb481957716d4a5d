"""A private redis-server: real, out of others' reach, and gone at the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil
import pytest
from redis import Redis

from proxy.embedded import ChildFailed, EmbeddedRedis, find_redis_server
from tests.support.service import ROOT, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis() as started:
        yield started


def connect(server: EmbeddedRedis) -> Redis:
    return Redis.from_url(server.url, decode_responses=True, protocol=2)


def directory_of(server: EmbeddedRedis) -> Path:
    return Path(urlsplit(server.url).path).parent


def test_redis_py_reaches_it_by_its_url(server: EmbeddedRedis) -> None:
    with connect(server) as redis:
        redis.set("name", "Ada")
        assert redis.get("name") == "Ada"
        assert redis.info("server")["process_id"] == server.pid


def test_it_listens_on_no_port_unless_it_is_told_to(server: EmbeddedRedis) -> None:
    assert psutil.Process(server.pid).net_connections("inet") == []
    port = free_port()
    with EmbeddedRedis(port=port) as open_server:
        listening = psutil.Process(open_server.pid).net_connections("inet")
        assert [(c.laddr.ip, c.laddr.port) for c in listening] == [("127.0.0.1", port)]
        with Redis(port=port, protocol=2) as redis:
            assert redis.ping()


def test_nobody_but_its_owner_reaches_it(server: EmbeddedRedis) -> None:
    assert directory_of(server).stat().st_mode & 0o777 == 0o700


def test_it_keeps_nothing_on_disk_and_evicts_nothing(server: EmbeddedRedis) -> None:
    with connect(server) as redis:
        names = ("save", "appendonly", "maxmemory-policy")
        settings = [redis.config_get(name)[name] for name in names]
    assert settings == ["", "no", "noeviction"]


def test_it_is_gone_with_its_directory_after_the_block() -> None:
    with EmbeddedRedis() as server:
        pid, directory = server.pid, directory_of(server)
    assert not psutil.pid_exists(pid)
    assert not directory.exists()


def test_a_stopped_one_goes_too_and_soon() -> None:
    started = time.monotonic()
    with EmbeddedRedis() as server:
        os.kill(server.pid, signal.SIGSTOP)
    assert not psutil.pid_exists(server.pid)
    assert time.monotonic() - started < 3


def test_after_a_crash_it_comes_back_empty_under_the_same_url() -> None:
    with EmbeddedRedis() as server, connect(server) as redis:
        redis.set("name", "Ada")
        server.kill()
        server.start()
        assert redis.get("name") is None


def test_with_an_append_only_file_a_crash_loses_nothing() -> None:
    with EmbeddedRedis(appendonly=True) as server, connect(server) as redis:
        redis.set("name", "Ada")
        server.kill()
        server.start()
        assert redis.get("name") == "Ada"


def test_one_that_does_not_start_says_why() -> None:
    port = free_port()
    with (
        EmbeddedRedis(port=port),
        pytest.raises(ChildFailed, match=f"Failed listening on port {port}"),
        EmbeddedRedis(port=port),
    ):
        pass


def test_the_redis_server_on_the_path_comes_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    preferred = tmp_path / "redis-server"
    preferred.symlink_to(find_redis_server())
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_redis_server() == preferred


def test_without_any_redis_server_it_says_what_to_do(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path], check=True)
    script = "from proxy.embedded import EmbeddedRedis\nwith EmbeddedRedis(): pass"
    failed = subprocess.run(
        [tmp_path / "bin" / "python", "-c", script],
        env={"PATH": "", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    last = failed.stderr.splitlines()[-1]
    assert "RedisServerNotFound: No redis-server was found: apt-get install redis-server" in last


def test_without_one_on_the_path_the_wheel_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert find_redis_server().is_file()
