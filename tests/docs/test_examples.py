"""The examples of README.md and docs/api.md, run as they stand against the service."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.docs import pages
from tests.support.redis_server import RedisServer
from tests.support.service import Service
from tests.support.simulator import Control

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from proxy.simulator.process import SimulatedChatGPT
    from tests.docs.pages import Example

ADDRESS = "http://127.0.0.1:8080"
EXAMPLES = [example for page in ("README.md", "docs/api.md") for example in pages.examples(page)]
COMMANDS = {"python": [sys.executable, "-"], "js": ["node", "--input-type=module", "-"]}
CURL = 'curl() { command curl -w "%{stderr}status %{http_code}\\n" "$@"; }'
"""Tells the status of each answer on standard error; the examples' own curl is silent on it."""


@dataclass(frozen=True, slots=True)
class Run:
    """What an example did."""

    finished: bool
    output: str
    errors: str


@pytest.fixture(scope="module")
def runs(
    simulator: SimulatedChatGPT, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[Example, Run]]:
    """All examples, run once: those in sh of a page one after the other in one shell."""
    Control(simulator.url).reset()
    with (
        RedisServer() as redis,
        Service(redis.url, simulator.url, PROXY_AUTH="open") as service,
    ):
        done: dict[Example, Run] = {}
        for page in dict.fromkeys(example.page for example in EXAMPLES):
            of_page = [example for example in EXAMPLES if example.page == page]
            folder = tmp_path_factory.mktemp("examples")
            done |= _run_shell([e for e in of_page if e.language == "sh"], service.url, folder)
            for example in of_page:
                if example.language != "sh":
                    done[example] = _run(example, service.url, folder)
        yield done


def _run_shell(examples: list[Example], url: str, folder: Path) -> dict[Example, Run]:
    parts = ["set -eu", CURL]
    for example in examples:
        file = f"{example.number}"
        parts += ["{", example.code, f"}} > {file}.out 2> {file}.err", f": > {file}.done"]
    _execute(["sh"], "\n".join(parts), url, folder)
    return {
        example: Run(
            (folder / f"{example.number}.done").exists(),
            _read(folder / f"{example.number}.out"),
            _read(folder / f"{example.number}.err"),
        )
        for example in examples
    }


def _read(file: Path) -> str:
    return file.read_text("utf-8") if file.exists() else "(an example before it failed)"


def _run(example: Example, url: str, folder: Path) -> Run:
    ended = _execute(COMMANDS[example.language], example.code, url, folder)
    return Run(ended.returncode == 0, ended.stdout, ended.stderr)


def _execute(
    command: list[str], code: str, url: str, folder: Path
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        input=code.replace(ADDRESS, url),
        cwd=folder,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_an_example_does_what_the_page_says(example: Example, runs: dict[Example, Run]) -> None:
    run = runs[example]
    assert run.finished, run.errors + run.output
    if example.answer is None:
        return
    if example.form == "json":
        assert _settled(json.loads(run.output)) == _settled(json.loads(example.answer))
    else:
        assert run.output.strip() == example.answer.strip()


@pytest.mark.parametrize("example", [e for e in EXAMPLES if e.language == "sh"], ids=str)
def test_an_example_is_refused_only_where_the_page_shows_the_refusal(
    example: Example, runs: dict[Example, Run]
) -> None:
    statuses = [
        int(status) for status in re.findall(r"^status (\d+)$", runs[example].errors, re.MULTILINE)
    ]
    refused = '"error"' in (example.answer or "")
    assert statuses
    assert [status for status in statuses if (status >= 400) != refused] == []


def _settled(value: Any) -> Any:
    """JSON without what differs each time: ids and times."""
    if isinstance(value, dict):
        return {name: _settled(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_settled(item) for item in value]
    if isinstance(value, str):
        return re.sub(r"\b([st])_[A-Za-z0-9_-]{22}(?![A-Za-z0-9_-])", r"\1_", value)
    return 0 if isinstance(value, int) and value > 1_700_000_000 else value
