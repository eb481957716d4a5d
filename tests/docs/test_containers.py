"""Dockerfile, .dockerignore and docker-compose.yml: what they promise, and their commands, run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import redis
import yaml

from proxy.embedded import Child, find_redis_server
from proxy.settings import ENVIRONMENT_NAMES, Settings
from tests.support.service import ROOT, free_port
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.service import Service

DOCKERFILE = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text("utf-8"))
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} +(.+)$", DOCKERFILE, re.MULTILINE)


def final_stage() -> str:
    return DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]


def test_the_image_runs_as_nobody_in_particular() -> None:
    user = instructions("USER")[-1]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert final_stage().index("USER") > final_stage().index("RUN")


def test_packages_are_installed_in_a_stage_of_their_own() -> None:
    assert len(instructions("FROM")) == 2
    assert "install" not in final_stage().replace("uninstall", "").replace("What installs", "")
    assert "apt-get" not in DOCKERFILE


def test_the_image_runs_the_production_command() -> None:
    command = json.loads(instructions("CMD")[-1])
    assert command == ["gunicorn", "-c", "config/gunicorn.conf.py", "wsgi:app"]


def test_the_image_holds_no_secret() -> None:
    for line in instructions("ENV") + instructions("ARG"):
        assert not re.search(r"KEY|PASSWORD|SECRET|TOKEN|REDIS_URL", line)


def test_the_build_sees_what_the_image_copies_and_nothing_else() -> None:
    patterns = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    patterns = [line for line in patterns if line and not line.startswith("#")]
    seen = {line.removeprefix("!") for line in patterns if line.startswith("!")}
    copied = {
        source
        for line in instructions("COPY")
        if not line.startswith("--from")
        for source in line.split()[:-1]
    }
    assert patterns[0] == "*"
    assert seen == copied
    assert all((ROOT / source).exists() for source in copied)


def test_the_health_check_is_well_when_the_service_is(service: Service) -> None:
    assert _health(service.port) == 0


def test_the_health_check_fails_when_nobody_answers() -> None:
    assert _health(free_port()) != 0


def _health(port: int) -> int:
    command = json.loads(DOCKERFILE.partition("HEALTHCHECK")[2].partition("CMD")[2].splitlines()[0])
    assert command[0] == "python"
    environment = {"PROXY_PORT": str(port), "http_proxy": "http://127.0.0.1:1"}
    return subprocess.run(
        [sys.executable, *command[1:]],
        env=environment,
        capture_output=True,
        timeout=30,
        check=False,
    ).returncode


def test_every_container_is_locked_down() -> None:
    for service in SERVICES.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in service


def test_only_this_machine_reaches_the_service_and_only_the_service_reaches_redis() -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["proxy"]["ports"])
    assert "ports" not in SERVICES["redis"]
    assert SERVICES["redis"]["networks"] == ["store"]
    assert COMPOSE["networks"]["store"] == {"internal": True}


def test_the_service_waits_for_redis_and_has_time_to_end() -> None:
    proxy = SERVICES["proxy"]
    assert proxy["depends_on"]["redis"] == {"condition": "service_healthy"}
    assert "healthcheck" in SERVICES["redis"]
    graceful = int(proxy["environment"]["PROXY_GRACEFUL_TIMEOUT"])
    assert graceful == Settings.model_fields["graceful_timeout"].default
    assert int(proxy["stop_grace_period"].removesuffix("s")) > graceful


def test_the_service_is_given_settings_that_there_are() -> None:
    names = set(SERVICES["proxy"]["environment"])
    assert names <= ENVIRONMENT_NAMES | {"OPENAI_API_KEY_FILE"}


def test_secrets_come_from_a_file_and_from_the_environment() -> None:
    proxy = SERVICES["proxy"]
    name = Path(proxy["environment"]["OPENAI_API_KEY_FILE"]).name
    assert proxy["secrets"] == [name]
    assert COMPOSE["secrets"][name] == {"file": f"./secrets/{name}"}
    assert re.match(r"redis://:\$\{REDIS_PASSWORD:\?", proxy["environment"]["REDIS_URL"])
    assert SERVICES["redis"]["environment"]["REDISCLI_AUTH"].startswith("${REDIS_PASSWORD:?")


def test_redis_starts_with_its_password_and_keeps_what_it_is_given(tmp_path: Path) -> None:
    port = free_port()
    command = [
        part.replace("$$", "$")
        .replace("/data", str(tmp_path))
        .replace("redis-server", f"redis-server --port {port}")
        for part in SERVICES["redis"]["command"]
    ]
    path = f"{find_redis_server().parent}:{os.environ['PATH']}"
    with (tmp_path / "log").open("wb") as log:
        server = Child(command, stdout=log, env={"PATH": path, "REDISCLI_AUTH": "0a1b2c"})
    try:
        with (
            redis.Redis(port=port, password="0a1b2c", protocol=2) as trusted,
            redis.Redis(port=port, protocol=2) as stranger,
        ):
            wait_until(lambda: _answers(trusted), "redis-server to answer")
            assert trusted.config_get("appendonly") == {"appendonly": "yes"}
            assert trusted.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            assert not _answers(stranger)
            arguments = Path(f"/proc/{server.pid}/cmdline").read_bytes()
            assert b"0a1b2c" not in arguments
    finally:
        server.stop()


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
