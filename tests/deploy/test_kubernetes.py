"""deploy/kubernetes: put together by kubectl, held to Kubernetes's schemas and to the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from proxy.settings import ENVIRONMENT_NAMES, FILE_NAMES, Settings
from tests.deploy import ON_DEMAND, linting
from tests.support.service import ROOT

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = "deploy/kubernetes"
NAME = {"app.kubernetes.io/name": "chat-proxy"}


@pytest.fixture(scope="module")
def rendered() -> str:
    return linting.run("kubectl", "kustomize", FOLDER)


@pytest.fixture(scope="module")
def objects(rendered: str) -> dict[str, Any]:
    """What is applied, by its kind."""
    return {one["kind"]: one for one in yaml.safe_load_all(rendered)}


@pytest.fixture
def pod(objects: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = objects["Deployment"]["spec"]["template"]["spec"]
    return spec


@pytest.fixture
def container(pod: dict[str, Any]) -> dict[str, Any]:
    (only,) = pod["containers"]
    found: dict[str, Any] = only
    return found


@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_every_object_fits_the_schema(rendered: str, version: str, tmp_path: Path) -> None:
    file = tmp_path / "rendered.yaml"
    file.write_text(rendered)
    linting.run("kubernetes-validate", "--strict", "--kubernetes-version", version, str(file))


def test_linters_find_nothing() -> None:
    linting.run("yamllint", "--strict", FOLDER)


def test_a_pod_runs_as_little_as_it_can(pod: dict[str, Any], container: dict[str, Any]) -> None:
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not pod["automountServiceAccountToken"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    user = str(pod["securityContext"]["runAsUser"])
    assert f"USER {user}:" in (ROOT / "Dockerfile").read_text()


def test_a_pod_has_the_time_to_pause_and_to_end(
    pod: dict[str, Any], container: dict[str, Any]
) -> None:
    settings = {one["name"]: one["value"] for one in container["env"]}
    graceful = int(settings["PROXY_GRACEFUL_TIMEOUT"])
    assert graceful == Settings.model_fields["graceful_timeout"].default
    command, pause = container["lifecycle"]["preStop"]["exec"]["command"]
    ready = container["readinessProbe"]
    assert command == "sleep"
    assert int(pause) > ready["periodSeconds"] * ready["failureThreshold"]
    assert pod["terminationGracePeriodSeconds"] > graceful + int(pause)


def test_probes_ask_what_they_mean(container: dict[str, Any]) -> None:
    paths = {
        name: container[name]["httpGet"]["path"]
        for name in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    assert paths == {
        "startupProbe": "/livez",
        "livenessProbe": "/livez",
        "readinessProbe": "/readyz",
    }


def test_settings_are_settings_and_secrets_are_files(
    pod: dict[str, Any], container: dict[str, Any]
) -> None:
    settings = {one["name"]: one["value"] for one in container["env"]}
    assert set(settings) <= ENVIRONMENT_NAMES | FILE_NAMES
    assert set(settings) >= FILE_NAMES - ON_DEMAND
    (mount,) = (one for one in container["volumeMounts"] if one["name"] == "secrets")
    for name in FILE_NAMES & set(settings):
        assert settings[name].startswith(f"{mount['mountPath']}/")
    (volume,) = (one for one in pod["volumes"] if one["name"] == "secrets")
    assert volume["secret"]["secretName"] == "chat-proxy"


def test_whoever_selects_pods_selects_ours(objects: dict[str, Any]) -> None:
    template = objects["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert template == NAME
    assert objects["Deployment"]["spec"]["selector"]["matchLabels"] == NAME
    assert objects["Service"]["spec"]["selector"] == NAME
    assert objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == NAME
    assert objects["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == NAME
    target = objects["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", "chat-proxy")
    assert "replicas" not in objects["Deployment"]["spec"]


def test_prometheus_finds_the_service(objects: dict[str, Any]) -> None:
    monitor = yaml.safe_load((ROOT / FOLDER / "servicemonitor.yaml").read_text())
    assert set(monitor) == {"apiVersion", "kind", "metadata", "spec"}
    assert set(monitor["spec"]) == {"selector", "endpoints"}
    labels = objects["Service"]["metadata"]["labels"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
    ports = {port["name"] for port in objects["Service"]["spec"]["ports"]}
    for endpoint in monitor["spec"]["endpoints"]:
        assert set(endpoint) == {"port", "path", "interval"}
        assert endpoint["port"] in ports
        assert endpoint["path"] == "/metrics"


def test_the_metadata_service_of_a_cloud_is_out_of_reach(objects: dict[str, Any]) -> None:
    blocks = [
        to["ipBlock"]
        for rule in objects["NetworkPolicy"]["spec"]["egress"]
        for to in rule.get("to", ())
        if "ipBlock" in to
    ]
    assert [("169.254.0.0/16" in block["except"]) for block in blocks] == [True]
