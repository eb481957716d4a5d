"""docs/architecture.md against the folders, the scripts and the keys in Redis."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

from proxy.store import keyspace
from tests.docs import pages
from tests.support.service import ROOT

PAGE = "docs/architecture.md"


def test_every_key_has_its_row_and_every_row_its_key() -> None:
    told = [name for row in pages.rows(PAGE, "Key") for name in pages.code(row[0])]
    assert sorted(told) == sorted(_patterns())


def _patterns() -> list[str]:
    """What each function of the keyspace makes of its parameters' names in capitals."""
    patterns: list[str] = []
    for _, function in inspect.getmembers(keyspace, inspect.isfunction):
        named = {name: _placeholder(name) for name in inspect.signature(function).parameters}
        made = function(**named)
        patterns += [made] if isinstance(made, str) else made
    return patterns


def _placeholder(parameter: str) -> Any:
    if parameter == "of":
        return SimpleNamespace(scope="SCOPE", id="ID", resource="RESOURCE", lane="LANE")
    return parameter.upper()


def test_every_part_of_the_service_is_named() -> None:
    named = {name for row in pages.rows(PAGE, "Where") for name in pages.code(row[0])}
    parts = {
        f"proxy/{path.name}" + ("/" if path.is_dir() else "")
        for path in (ROOT / "proxy").iterdir()
        if not path.name.startswith("__")
    }
    assert parts <= named


def test_every_file_that_is_named_is_there() -> None:
    for row in pages.rows(PAGE, "Step"):
        for name in pages.code(row[1]):
            places = [ROOT / "proxy" / name, ROOT / "proxy" / "store" / name]
            assert any(place.exists() for place in places), name
