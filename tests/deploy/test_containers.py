"""Dockerfile, .dockerignore and docker-compose.yml: what they promise, and their commands, run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis
import requests
import yaml

from proxy.embedded import Child, find_redis_server
from proxy.settings import ENVIRONMENT_NAMES, FILE_NAMES, Settings, load
from tests.deploy import linting
from tests.support.service import CANARY, ROOT, free_port
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


def test_linters_find_nothing() -> None:
    linting.run("hadolint", "--failure-threshold", "style", "Dockerfile")
    linting.run("yamllint", "--strict", "docker-compose.yml", ".yamllint.yaml")
    schema = ("--builtin-schema", "vendor.compose-spec")
    linting.run("check-jsonschema", *schema, "docker-compose.yml")


def test_what_others_made_is_pinned() -> None:
    images = [line.split()[0] for line in instructions("FROM")]
    assert all(re.search(r":\d+\.\d+\.\d+-[\w-]+@sha256:[0-9a-f]{64}$", image) for image in images)
    for service in SERVICES.values():
        assert re.search(r":v?\d+\.\d+\.\d+(-\w+)?$", service["image"]), service["image"]


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


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_locked_down(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"].partition(":")[0] not in {"", "0", "root"}
    assert "privileged" not in service
    limits = service["deploy"]["resources"]["limits"]
    assert limits["memory"]
    assert limits["pids"] <= 200
    written = [mount for mount in service.get("volumes", ()) if not mount.endswith(":ro")]
    assert all(mount.partition(":")[0] in COMPOSE["volumes"] for mount in written)


def test_only_the_edge_is_reached_from_elsewhere() -> None:
    for name, service in SERVICES.items():
        ports = service.get("ports", [])
        assert name == "edge" or all(port.startswith("127.0.0.1:") for port in ports)
    assert "ports" not in SERVICES["redis"]
    assert SERVICES["redis"]["networks"] == ["store"]
    assert COMPOSE["networks"]["store"] == {"internal": True}
    assert [name for name, service in SERVICES.items() if "store" in service["networks"]] == [
        *("proxy", "redis")
    ]


def test_profiles_add_what_is_not_always_wanted() -> None:
    told = {name: service.get("profiles") for name, service in SERVICES.items()}
    assert told == {
        "proxy": None,
        "redis": None,
        "edge": ["edge"],
        "prometheus": ["observe"],
        "grafana": ["observe"],
    }


def test_the_service_waits_for_redis_and_has_time_to_end() -> None:
    proxy = SERVICES["proxy"]
    assert proxy["depends_on"]["redis"] == {"condition": "service_healthy"}
    graceful = int(proxy["environment"]["PROXY_GRACEFUL_TIMEOUT"])
    assert graceful == Settings.model_fields["graceful_timeout"].default
    assert int(proxy["stop_grace_period"].removesuffix("s")) > graceful
    assert int(SERVICES["edge"]["stop_grace_period"].removesuffix("s")) > graceful


def test_every_container_tells_whether_it_is_well() -> None:
    assert [name for name, service in SERVICES.items() if "healthcheck" not in service] == ["proxy"]
    assert instructions("HEALTHCHECK")


def test_the_service_is_given_settings_that_there_are() -> None:
    names = set(SERVICES["proxy"]["environment"])
    assert names <= ENVIRONMENT_NAMES | FILE_NAMES


def test_secrets_are_files_and_nothing_else() -> None:
    used = {name for service in SERVICES.values() for name in service.get("secrets", ())}
    assert COMPOSE["secrets"] == {name: {"file": f"./secrets/{name}"} for name in used}
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|TOKEN|KEY|SECRET|URL", name):
                assert name.endswith("_FILE")
                assert Path(value).name in service["secrets"]
    assert "secrets" in (ROOT / ".gitignore").read_text().replace("/", "").split()


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of secrets, as deploy/make-secrets.sh makes it beside a copy of deploy/."""
    folder = tmp_path_factory.mktemp("prepared")
    shutil.copytree(ROOT / "deploy", folder / "deploy")
    make_secrets(folder)
    return folder / "secrets"


def make_secrets(folder: Path, key: str = CANARY) -> None:
    command = [str(folder / "deploy" / "make-secrets.sh")]
    subprocess.run(command, input=key, text=True, check=True, timeout=30)


def test_secrets_are_made_for_every_container(secrets: Path) -> None:
    assert set(COMPOSE["secrets"]) <= {file.name for file in secrets.iterdir()}
    assert (secrets / "openai_api_key").read_text() == CANARY
    assert secrets.stat().st_mode & 0o77 == 0
    environment = {
        name: str(secrets / Path(value).name)
        for name, value in SERVICES["proxy"]["environment"].items()
        if name.endswith("_FILE")
    }
    settings = load(environment)
    assert settings.admin_token
    assert settings.token_secret
    assert settings.redis_url.get_secret_value().endswith("@redis:6379/0")


def test_secrets_that_are_there_stay(secrets: Path) -> None:
    before = {file: file.read_bytes() for file in secrets.iterdir()}
    make_secrets(secrets.parent, "sk-another")
    assert {file: file.read_bytes() for file in secrets.iterdir()} == before


def test_redis_starts_with_its_users_and_keeps_what_it_is_given(
    secrets: Path, tmp_path: Path
) -> None:
    port = free_port()
    server = str(find_redis_server())
    files = {"redis-server": server, "/data": str(tmp_path)}
    files["/run/secrets/redis_users"] = str(secrets / "redis_users")
    command = [files.get(part, part) for part in SERVICES["redis"]["command"]]
    with (tmp_path / "log").open("wb") as log:
        child = Child([*command, "--port", str(port)], stdout=log, stderr=log)
    url = (secrets / "redis_url").read_text().strip().replace("redis:6379", f"127.0.0.1:{port}")
    password = (secrets / "redis_operator_password").read_text().strip()
    try:
        with (
            redis.Redis.from_url(url, protocol=2) as service,
            redis.Redis(port=port, username="operator", password=password, protocol=2) as operator,
            redis.Redis(port=port, protocol=2) as stranger,
        ):
            wait_until(lambda: _answers(service), "redis-server to answer")
            assert operator.config_get("appendonly") == {"appendonly": "yes"}
            assert operator.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            assert not _answers(stranger)
            # Who replays the append-only file is this user: what it may not do would be lost.
            (default,) = (line for line in operator.acl_list() if line.startswith("user default "))
            assert {"off", "~*", "+@all"} <= set(default.split())
            assert _is_well(port)
            with pytest.raises(redis.exceptions.NoPermissionError):
                service.flushall()
    finally:
        child.stop()
    assert not _is_well(port)


def test_what_is_mounted_is_there() -> None:
    for service in SERVICES.values():
        for mount in service.get("volumes", ()):
            source = mount.partition(":")[0]
            assert source in COMPOSE["volumes"] or (ROOT / source).exists(), mount


def test_prometheus_starts_and_tells_that_it_is_well(tmp_path: Path) -> None:
    service, port = SERVICES["prometheus"], free_port()
    places = {"/etc/prometheus": str(ROOT / "config" / "prometheus"), "/prometheus": str(tmp_path)}
    command = [f"--web.listen-address=127.0.0.1:{port}", *service["command"]]
    for inside, here in places.items():
        command = [re.sub(rf"={inside}(/|$)", rf"={here}\1", part) for part in command]
    with (tmp_path / "log").open("wb") as log:
        child = Child(["prometheus", *command], stdout=log, stderr=log)
    url = service["healthcheck"]["test"][-1].replace(":9090", f":{port}")
    try:
        wait_until(lambda: child.running and _is_reached(url), "Prometheus to be ready")
    finally:
        child.stop()


def _is_reached(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False


def _is_well(port: int) -> bool:
    """What the health check of Redis finds."""
    kind, command = SERVICES["redis"]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    program = find_redis_server().with_name("redis-cli")
    here = command.replace("redis-cli", f"{program} -p {port}")
    return subprocess.run(["sh", "-c", here], check=False, timeout=10).returncode == 0


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
