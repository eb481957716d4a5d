"""A real Prometheus that scrapes what a test tells it, and the names in what it is asked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Self

import requests
import yaml

from proxy.embedded import Child
from tests.support.service import free_port
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

_SERIES = re.compile(r"\b((?:chat_proxy_|up\b)\w*)\s*(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"')
_GROUPED = re.compile(r"\b(?:by|without)\s*\(([^)]*)\)")
OF_PROMETHEUS = {"instance", "job", "le"}
"""Labels that are not the service's to give."""


class Prometheus:
    """Asks a service for its figures every second."""

    def __init__(self, folder: Path, target: str, token: str) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self._folder = folder
        scrape = {
            "job_name": "chat-proxy",
            "authorization": {"credentials": token},
            "static_configs": [{"targets": [target]}],
        }
        config = {"global": {"scrape_interval": "1s"}, "scrape_configs": [scrape]}
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))

    def __enter__(self) -> Self:
        command = (
            "prometheus",
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address={self.url.removeprefix('http://')}",
            "--log.level=error",
        )
        self._child = Child(command)
        wait_until(self._ready, "Prometheus to be ready")
        return self

    def __exit__(self, *_: object) -> None:
        self._child.stop(10)

    def ask(self, query: str) -> list[Any]:
        """The query's answer: its samples."""
        answer = requests.get(f"{self.url}/api/v1/query", params={"query": query}, timeout=10)
        told = answer.json()
        assert told["status"] == "success", (query, told)
        samples: list[Any] = told["data"]["result"]
        return samples

    def _ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/-/ready", timeout=1).ok
        except requests.RequestException:
            return False


def named(query: str) -> dict[str, set[str]]:
    """The series that a query names, each with the labels that it is asked by.

    Labels that it is grouped by are those of all the query's series.
    """
    grouped = {label.strip() for found in _GROUPED.findall(query) for label in found.split(",")}
    return {
        series: set(_MATCHER.findall(matchers)) | grouped - {""}
        for series, matchers in _SERIES.findall(query)
    }
