"""config/grafana: the dashboard asks for what there is, and a real Prometheus answers it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
import yaml

from tests.support.prometheus import Prometheus, named
from tests.support.service import ROOT
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.config.conftest import Busy

FOLDER = ROOT / "config" / "grafana"
DASHBOARD: dict[str, Any] = orjson.loads((FOLDER / "dashboards" / "chat-proxy.json").read_bytes())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = sorted({target["expr"] for panel in PANELS for target in panel["targets"]})


@pytest.fixture
def prometheus(tmp_path: Path, busy: Busy) -> Iterator[Prometheus]:
    target = busy.service.url.removeprefix("http://")
    with Prometheus(tmp_path, target, busy.token) as running:
        yield running


def as_grafana_asks(query: str) -> str:
    """A query with its variables filled in."""
    filled = query.replace("$__rate_interval", "30s")
    return filled.replace("$instance", ".*").replace("$model", ".*")


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_names_figures_and_labels_that_there_are(
    query: str, strangers: Callable[[str], list[str]]
) -> None:
    assert named(query)
    assert strangers(query) == []


def test_every_figure_is_on_it_except_those_of_single_keys(busy: Busy) -> None:
    shown = {name for query in QUERIES for name in named(query)}
    missing = {
        name
        for name in busy.exposed
        if not shown & {name, f"{name}_bucket", f"{name}_count", f"{name}_sum"}
    }
    assert missing == {f"chat_proxy_key_{what}_total" for what in ("turns", "tokens", "cost_usd")}


def test_a_prometheus_that_is_fed_by_the_service_answers_every_query(
    prometheus: Prometheus, busy: Busy
) -> None:
    busy.work()
    unanswered = set(map(as_grafana_asks, QUERIES))

    def answered() -> bool:
        busy.ask()
        unanswered.difference_update([query for query in unanswered if prometheus.ask(query)])
        return not unanswered

    wait_until(answered, f"answers to {unanswered}")


def test_its_panels_lie_beside_each_other_and_have_names() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        columns, rows = range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])
        cells = {(x, y) for x in columns for y in rows}
        assert panel["title"]
        assert at["x"] + at["w"] <= 24
        assert not cells & taken
        taken |= cells
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)


def test_it_is_where_the_provisioning_looks_and_asks_the_source_that_is_there() -> None:
    (source,) = yaml.safe_load(
        (FOLDER / "provisioning" / "datasources" / "prometheus.yml").read_text()
    )["datasources"]
    (provider,) = yaml.safe_load(
        (FOLDER / "provisioning" / "dashboards" / "chat-proxy.yml").read_text()
    )["providers"]
    assert provider["options"]["path"] == "/etc/grafana/dashboards"
    chosen = DASHBOARD["templating"]["list"][0]
    assert (chosen["name"], chosen["current"]["value"]) == ("datasource", source["uid"])
    assert all(panel["datasource"]["uid"] == "${datasource}" for panel in PANELS)
