"""The pins: above every version with a known hole, each with the hashes of its files."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.support.service import ROOT

LOCKS = (
    "requirements.txt",
    "requirements-embedded.txt",
    "requirements-otel.txt",
    "requirements-dev.txt",
)
FLOORS: dict[str, list[list[str]]] = tomllib.loads(
    (ROOT / "tests" / "security" / "floors.toml").read_text("utf-8")
)["floors"]


def entries(lock: str) -> list[str]:
    """A lock file's entries, a line each, without comments."""
    text = (ROOT / lock).read_text("utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def pins(lock: str) -> dict[str, Version]:
    """The version of each package, by its name."""
    required = (Requirement(re.sub(r"\s--hash=\S+", "", line)) for line in entries(lock))
    return {each.name: Version(str(each.specifier).removeprefix("==")) for each in required}


PINS = [(lock, name, version) for lock in LOCKS for name, version in pins(lock).items()]


@pytest.mark.parametrize(("lock", "name", "version"), PINS, ids=str)
def test_no_pin_has_a_known_hole(lock: str, name: str, version: Version) -> None:
    below = [hole for floor, hole in FLOORS.get(name, []) if version < Version(floor)]
    assert below == [], f"{lock}: {name} {version}"


def test_every_floor_is_of_a_package_that_is_pinned() -> None:
    assert FLOORS.keys() <= {name for _, name, _ in PINS}
    ids = [hole for floors in FLOORS.values() for _, hole in floors]
    assert all(re.fullmatch(r"CVE-\d{4}-\d{4,}", hole) for hole in ids)


def test_a_package_has_one_version_in_all_locks() -> None:
    versions: dict[str, set[Version]] = {}
    for _, name, version in PINS:
        versions.setdefault(name, set()).add(version)
    assert [name for name, pinned in versions.items() if len(pinned) > 1] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_its_hashes_and_names_no_index(lock: str) -> None:
    for line in entries(lock):
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", line), line
        assert not re.search(r"https?:|file:|--index|--find-links|--extra|--trusted", line), line


@pytest.mark.parametrize("file", ["Makefile", "Dockerfile"])
def test_what_is_installed_is_what_was_pinned(file: str) -> None:
    text = (ROOT / file).read_text("utf-8").replace("\\\n", " ")
    installs = re.findall(r"install [^\n]*-r [^\n]*", text)
    assert installs
    assert all("--require-hashes" in install for install in installs)
