"""docs/settings.md against proxy/settings/."""

from __future__ import annotations

import re

import pytest
from pydantic_core import PydanticUndefined

from proxy.settings import ENVIRONMENT_NAMES, FILE_NAMES, Settings
from tests.docs import pages
from tests.support.service import ROOT

PAGE = "docs/settings.md"
NO_FIELDS = FILE_NAMES | {"PROXY_CONFIG_DIR", "PROXY_URL", "PROXY_KEY"}
"""Variables that are read but are no field of the settings."""

TABLE = {pages.code(row[0])[0]: row[1:] for row in pages.rows(PAGE, "Environment")}
FIELDS = {
    str(field.alias): (name, field)
    for name, field in Settings.model_fields.items()
    if str(field.alias) in ENVIRONMENT_NAMES
}


def test_the_table_has_every_setting_and_no_other() -> None:
    assert set(TABLE) == ENVIRONMENT_NAMES | NO_FIELDS


@pytest.mark.parametrize("variable", sorted(FIELDS))
def test_a_setting_has_its_key_and_its_default(variable: str) -> None:
    name, field = FIELDS[variable]
    key, default, meaning = TABLE[variable]
    assert pages.code(key) == [name]
    assert default == _shown(name, field.default)
    assert meaning.endswith(".")


def _shown(name: str, default: object) -> str:
    if name == "workers":
        return "one a core"
    if default is PydanticUndefined:
        return "required"
    return "none" if default in (None, ()) else f"`{default}`"


@pytest.mark.parametrize(
    "file", [*pages.PAGES, "Dockerfile", "docker-compose.yml", "Makefile", "examples/curl.sh"]
)
def test_no_variable_is_named_that_nobody_reads(file: str) -> None:
    named = set(re.findall(r"\bPROXY_[A-Z][A-Z_]*[A-Z]\b", (ROOT / file).read_text("utf-8")))
    assert named <= ENVIRONMENT_NAMES | NO_FIELDS


def test_the_keys_of_a_model_are_all_explained() -> None:
    table = {name for row in pages.rows(PAGE, "Key of a model") for name in pages.code(row[0])}
    told = table | {"match"}
    models = (ROOT / "config" / "models.toml").read_text("utf-8")
    assert set(re.findall(r"^(\w+) =", models, re.MULTILINE)) <= told
