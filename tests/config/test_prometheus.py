"""config/prometheus: its alerts name figures that there are, and what raises each of them."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.docs import pages
from tests.support.prometheus import named
from tests.support.service import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = ROOT / "config" / "prometheus"
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
TESTS: list[dict[str, Any]] = yaml.safe_load((FOLDER / "alerts_test.yml").read_text())["tests"]


def promtool(*arguments: str) -> None:
    said = subprocess.run(
        ["promtool", *arguments],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert said.returncode == 0, said.stdout + said.stderr


@pytest.mark.parametrize(
    "command",
    ["check config prometheus.yml", "check rules alerts.yml", "test rules alerts_test.yml"],
)
def test_promtool_finds_nothing_wrong(command: str) -> None:
    promtool(*command.split())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_is_tried_both_ways_and_says_what_is_wrong(rule: dict[str, Any]) -> None:
    tried = [
        "exp_alerts" in case
        for test in TESTS
        for case in test["alert_rule_test"]
        if case["alertname"] == rule["alert"]
    ]
    assert set(tried) == {True, False}
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"]["summary"].endswith(".")


def test_every_alert_has_its_row_that_says_what_to_do() -> None:
    told = [pages.code(row[0])[0] for row in pages.rows("docs/observability.md", "Alert")]
    assert told == [rule["alert"] for rule in RULES]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_names_figures_and_labels_that_there_are(
    rule: dict[str, Any], strangers: Callable[[str], list[str]]
) -> None:
    assert named(rule["expr"])
    assert strangers(rule["expr"]) == []
