"""What GET /metrics tells: samples, and the names and labels of every figure there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from proxy.telemetry import figures

if TYPE_CHECKING:
    from tests.support.service import Client

Samples = dict[tuple[str, ...], float]


def scraped(client: Client) -> Samples:
    """Every sample by its name and its labels' values, in the order of the labels' names."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def exposed(client: Client) -> dict[str, set[str]]:
    """Every figure's name, with ``_total`` where it counts, and its labels' names.

    Of a figure that Redis tells there must be a sample.
    """
    declared = {figure.name: set(figure.labels) for figure in figures.ALL}
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(client.get("/metrics").text):
        name = family.name + ("_total" if family.type == "counter" else "")
        sampled = {label for sample in family.samples for label in sample.labels}
        found[name] = declared.get(family.name, sampled)
        assert sampled - {"le"} <= found[name]
    return found
