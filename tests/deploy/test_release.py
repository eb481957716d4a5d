"""What is released: one version everywhere, a wheel with all its files, a command that serves."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from proxy import __version__
from proxy.embedded import Child
from tests.support.service import ROOT, clean_environment, free_port
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VERSIONED = [
    *("pyproject.toml", "proxy/__init__.py", "CHANGELOG.md", "docker-compose.yml"),
    *("deploy/kubernetes/kustomization.yaml", ".ci/release-check"),
]
CHANGELOG = f"# Changes\n\n## [Unreleased]\n\n## [{__version__}] - 2026-11-29\n\n- All of it.\n"


def done(*command: str | Path, folder: Path) -> str:
    """Run it there; what it printed."""
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def tracked() -> set[str]:
    """The files of the tree, new ones included; none that git ignores."""
    listed = done("git", "ls-files", "--cached", "--others", "--exclude-standard", folder=ROOT)
    return {name for name in listed.splitlines() if (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built of a copy of the tree: a build leaves files behind that the next one would take."""
    copy = tmp_path_factory.mktemp("tree")
    for name in tracked():
        if not name.startswith("tests/"):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    build = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation")
    done(*build, "--wheel-dir", "wheels", ".", folder=copy)
    (built,) = (copy / "wheels").iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command `chat-proxy` of a venv that has the wheel, and borrows what it depends on."""
    venv = tmp_path_factory.mktemp("fresh") / "venv"
    done(sys.executable, "-m", "venv", "--without-pip", venv, folder=venv.parent)
    python = venv / "bin" / "python"
    install = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps")
    done(*install, wheel, folder=venv.parent)
    paths = sysconfig.get_paths(vars={"base": str(venv), "platbase": str(venv)})
    (Path(paths["purelib"]) / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    return venv / "bin" / "chat-proxy"


def test_the_wheel_has_every_file_of_the_package(wheel: Path) -> None:
    names = {name for name in tracked() if name.startswith("proxy/")}
    names |= {f"proxy/{name}" for name in tracked() if re.fullmatch(r"config/[\w.]+", name)}
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == names


def test_the_wheel_tells_its_version_license_and_extras(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        (name,) = (name for name in packed.namelist() if name.endswith("/METADATA"))
        metadata = packed.read(name).decode()
    assert f"\nVersion: {__version__}\n" in metadata
    assert "\nLicense-Expression: MIT\n" in metadata
    extras = re.findall(r"^Provides-Extra: (.+)$", metadata, re.MULTILINE)
    assert extras == ["embedded", "otel"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder."""
    empty = tmp_path / "empty"
    empty.mkdir()
    return empty


@pytest.fixture
def served(installed: Path, folder: Path, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """`chat-proxy serve` in an empty folder with nothing set: its URL, and what it printed."""
    port, log = free_port(), tmp_path / "log"
    command = (str(installed), "serve", "--port", str(port), "--workers", "1")
    with log.open("wb") as output:
        child = Child(command, env=clean_environment(), cwd=folder, stdout=output, stderr=output)
    try:
        wait_until(lambda: "Ctrl-C stops" in log.read_text() or not child.running, "it to serve")
        yield f"http://127.0.0.1:{port}", log
    finally:
        child.stop(20)


def test_the_command_serves_from_an_empty_folder(
    served: tuple[str, Path], installed: Path, folder: Path
) -> None:
    url, log = served
    answer = requests.post(f"{url}/chat", json={"message": "Hello"}, timeout=60)
    assert answer.status_code == 200, answer.text + log.read_text()
    assert answer.json()["cost_usd"] is not None  # config/models.toml was found
    assert requests.get(f"{url}/", timeout=60).ok
    assert f"chat-proxy {__version__} serves on {url}" in log.read_text()
    assert list(folder.iterdir()) == []
    assert done(installed, "--version", folder=folder).strip().endswith(__version__)


@pytest.fixture
def checked(tmp_path: Path) -> Callable[..., str]:
    """Runs the release check on a repository of those files that tell the version."""

    def check(changelog: str, **changed: str) -> str:
        for name in VERSIONED:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / name)
        (tmp_path / "CHANGELOG.md").write_text(changelog)
        done("git", "init", "--quiet", folder=tmp_path)
        done("git", "add", "--all", folder=tmp_path)
        author = ("-c", "user.name=tests", "-c", "user.email=tests@example.com")
        done("git", *author, "commit", "--quiet", "--message", "All", folder=tmp_path)
        for name, text in changed.items():
            (tmp_path / name).write_text(text)
        program = tmp_path / ".ci" / "release-check"
        ended = subprocess.run([program], capture_output=True, text=True, check=False)
        assert ended.returncode != 0
        return ended.stderr

    return check


@pytest.mark.parametrize(
    ("changelog", "changed", "said"),
    [
        (CHANGELOG.replace(__version__, "0.9.0"), {}, "CHANGELOG.md's top entry is '0.9.0'"),
        (CHANGELOG.replace("d]\n", "d]\n\n- New.\n"), {}, "has changes that are not released"),
        (CHANGELOG, {"more": "x"}, "changes that are not committed"),
        (CHANGELOG, {"proxy/__init__.py": '__version__ = "0.9.0"\n'}, "proxy/__init__.py 0.9.0"),
        (CHANGELOG, {}, "No rule to make target 'lint'"),
    ],
)
def test_the_release_check_stops_at_what_is_missing(
    checked: Callable[..., str], changelog: str, changed: dict[str, str], said: str
) -> None:
    assert said in checked(changelog, **changed)
