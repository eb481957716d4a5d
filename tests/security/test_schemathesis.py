"""The service keeps what its OpenAPI document says, whatever fits the document or does not.

schemathesis makes the requests and checks the answers; it runs as a program of its own.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.keys import issue
from tests.support.service import ADMIN_TOKEN, ROOT, Service, clean_environment
from tests.web.settings import QUICK_STOP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.embedded import EmbeddedRedis
    from proxy.simulator.process import SimulatedChatGPT
    from proxy.store.connection import Store

CALLERS = ("--exclude-path-regex", "^/admin")
OPERATORS = ("--include-path-regex", "^/admin")


@pytest.fixture(scope="module")
def fuzzed(redis_server: EmbeddedRedis, simulator: SimulatedChatGPT) -> Iterator[Service]:
    """A service that is asked by many wrong keys on purpose."""
    settings = {
        "PROXY_ADMIN_TOKEN": ADMIN_TOKEN,
        "PROXY_WRONG_KEY_DELAY": "0",
        "WEB_CONCURRENCY": "2",
        **QUICK_STOP,
    }
    with Service(redis_server.url, simulator.url, **settings) as running:
        yield running


def findings(
    service: Service, key: str, folder: Path, which: tuple[str, ...], examples: int, seed: int = 1
) -> str:
    """What schemathesis finds; nothing if all is well."""
    program = Path(sys.executable).with_name("schemathesis")
    config = ROOT / "tests" / "security" / "schemathesis.toml"
    done = subprocess.run(
        [
            *(program, f"--config-file={config}", "run", f"{service.url}/openapi.json"),
            *(f"--header=Authorization: Bearer {key}", f"--max-examples={examples}"),
            *(f"--seed={seed}", "--continue-on-failure", "--no-color", "--request-timeout=60"),
            *which,
        ],
        cwd=folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Test cases:" in done.stdout, done.stdout + done.stderr
    if done.returncode:
        print(done.stdout)  # pytest shortens what an assertion compares
    return "" if done.returncode == 0 else done.stdout


def test_callers_find_nothing_that_the_document_does_not_say(
    fuzzed: Service, store: Store, tmp_path: Path
) -> None:
    key = issue(store, rpm=0, tpm=0)[1]
    assert findings(fuzzed, key, tmp_path, CALLERS, 5) == ""
    assert '"defect"' not in fuzzed.log


def test_operators_find_nothing_that_the_document_does_not_say(
    fuzzed: Service, tmp_path: Path
) -> None:
    assert findings(fuzzed, ADMIN_TOKEN, tmp_path, OPERATORS, 10) == ""
    assert '"defect"' not in fuzzed.log


@pytest.mark.soak
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_many_requests_find_nothing_either(
    fuzzed: Service, store: Store, tmp_path: Path, seed: int
) -> None:
    key = issue(store, rpm=0, tpm=0)[1]
    assert findings(fuzzed, key, tmp_path, CALLERS, 300, seed) == ""
    assert findings(fuzzed, ADMIN_TOKEN, tmp_path, OPERATORS, 300, seed) == ""
    assert '"defect"' not in fuzzed.log
