"""Log lines: one a problem, and never a flood of them."""

from __future__ import annotations

import subprocess
import sys

import orjson

from tests.support.service import CANARY, ROOT, clean_environment

FLOOD = """
from proxy.settings import load
from proxy.telemetry import logs
logs.configure(load())
for number in range(1000):
    logs.problem("upstream", TimeoutError("words"), number=number)
    logs.problem("redis", TimeoutError("words"), state="full", every_s=60)
"""


def printed(code: str, **settings: str) -> list[dict[str, object]]:
    """The lines that this code logs in a process of its own, parsed."""
    return [orjson.loads(line) for line in written(code, **settings)]


def written(code: str, **settings: str) -> list[bytes]:
    """The same as they are."""
    needed = {"OPENAI_API_KEY": CANARY, "REDIS_URL": "redis://127.0.0.1:1"}
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=clean_environment(**needed, **settings),
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert ended.stderr == b""
    return ended.stdout.splitlines()


def test_a_line_for_people_has_its_words_in_the_open() -> None:
    lines = written(FLOOD, PROXY_LOG_FORMAT="console")
    assert b"[warning  ] problem" in lines[0]
    assert b"what=upstream" in lines[0]
    assert b"\x1b" not in lines[0]  # it goes to no terminal here


def test_a_flood_of_problems_is_cut_to_a_worker_s_share_of_ten_a_second() -> None:
    lines = printed(FLOOD, WEB_CONCURRENCY="2")
    upstream = [line for line in lines if line["what"] == "upstream"]
    seconds = len({str(line["timestamp"])[:19] for line in lines})
    assert [line["number"] for line in upstream[:5]] == [0, 1, 2, 3, 4]
    assert len(upstream) <= 5 * (seconds + 1)


def test_a_problem_that_is_told_once_a_minute_is_told_once() -> None:
    lines = [line for line in printed(FLOOD) if line["what"] == "redis"]
    assert [(line["state"], line["error"]) for line in lines] == [("full", "TimeoutError")]
    assert "words" not in str(lines)
