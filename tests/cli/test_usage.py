"""`usage`: a table with bars at a terminal, tabs in a pipe, JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import pytest

from proxy.cli.usage import bar
from proxy.store import buckets, client_keys, usage
from tests.cli.operating import operator
from tests.cli.pseudo_terminal import PseudoTerminal
from tests.store.samples import new_bucket
from tests.support.service import ROOT, clean_environment, free_port

if TYPE_CHECKING:
    from pathlib import Path

    from proxy.embedded import EmbeddedRedis
    from proxy.store.connection import Store

DAY = "2022-02-03"
SPAN = ("--from", DAY, "--to", DAY)


class Command(Protocol):
    """Runs `python -m proxy usage` in a pipe; answers what it printed."""

    def __call__(self, *arguments: str, status: int = 0, **environment: str) -> str: ...


@pytest.fixture
def shown(redis_server: EmbeddedRedis) -> Command:
    def run(*arguments: str, status: int = 0, **environment: str) -> str:
        done = operator(redis_server.url, "usage")(*arguments, status=status, **environment)
        return done.stderr if status else done.stdout

    return run


@pytest.fixture
def prefix(store: Store) -> str:
    """Two teams that begin so used something: `b` twice what `a` did, in two hours."""
    prefix = f"team-{client_keys.new_id()}-"
    begin = datetime.fromisoformat(DAY).replace(tzinfo=UTC)
    for name, tokens in (("a", 100), ("b", 200)):
        for hour in (7, 8):
            at = (begin + timedelta(hours=hour)).timestamp()
            metrics = {"requests": 1, "prompt_tokens": tokens, "cost_nano": 5_000_000}
            counted = usage.count([("team", prefix + name)], metrics, at, 86_400)
            limits, reservation = [new_bucket(60, 60)], client_keys.new_id()
            store.run(buckets.reserve(reservation, limits, {}))
            store.run(buckets.settle(reservation, limits, {}, count=counted))
    return prefix


def lines(text: str, prefix: str) -> list[list[str]]:
    """The cells of the lines about these teams."""
    return [line.split("\t") for line in text.splitlines() if prefix in line]


def test_in_a_pipe_it_is_a_line_with_tabs_for_each_name(shown: Command, prefix: str) -> None:
    figures = ["2", "0", "0", "0", "0"]
    assert lines(shown("--by", "team", *SPAN), prefix) == [
        [f"{prefix}b", *figures, "400", "0.0100", "-"],
        [f"{prefix}a", *figures, "200", "0.0100", "-"],
    ]


def test_with_a_step_it_is_a_line_for_each(shown: Command, prefix: str) -> None:
    told = lines(shown("--by", "team", *SPAN, "--step", "hour"), prefix)
    assert [(cells[0], cells[1].removeprefix(prefix), cells[7]) for cells in told] == [
        (f"{DAY} 07:00", "a", "100"),
        (f"{DAY} 07:00", "b", "200"),
        (f"{DAY} 08:00", "a", "100"),
        (f"{DAY} 08:00", "b", "200"),
    ]


def test_json_and_csv_are_those_of_the_admin_api(shown: Command, prefix: str) -> None:
    told = json.loads(shown("--by", "team", *SPAN, "--json"))
    assert (told["object"], told["by"], told["step"]) == ("usage", "team", "day")
    tokens = {row["name"]: row["total_tokens"] for row in told["data"]}
    assert (tokens[f"{prefix}a"], tokens[f"{prefix}b"]) == (200, 400)
    table = shown("--by", "team", *SPAN, "--csv")
    rows = list(csv.DictReader(io.StringIO(table, newline="")))
    assert {row["name"]: int(row["total_tokens"]) for row in rows} == tokens


def test_at_a_terminal_it_is_a_table_with_bars(
    redis_server: EmbeddedRedis, prefix: str, tmp_path: Path
) -> None:
    environment = clean_environment(REDIS_URL=redis_server.url, PYTHONPATH=str(ROOT))
    arguments = ("usage", "--by", "team", *SPAN)
    with PseudoTerminal(*arguments, env=environment, cwd=tmp_path) as terminal:
        terminal.expect("TOKENS")
        longer = terminal.expect(f"{prefix}a").partition(f"{prefix}b")[2]
        assert longer.count("█") > terminal.expect("\n").count("█") > 0
        assert terminal.status() == 0


def test_the_last_days_include_today(shown: Command) -> None:
    told = json.loads(shown("--days", "1", "--json"))
    begin, end = (datetime.fromisoformat(told[name]) for name in ("from", "to"))
    assert end - begin in (timedelta(days=1), timedelta(days=2))  # midnight may have come between
    assert abs(datetime.now(UTC) - end) < timedelta(days=1, minutes=1)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--from", "monday"), "--from"),
        (("--by", "session"), "--by"),
        (("--days", "0"), "--days"),
        (("--days", "3", "--from", DAY), "--days excludes"),
        (("--json", "--csv"), "exclude each other"),
    ],
    ids=["from", "by", "days", "both", "forms"],
)
def test_wrong_usage_is_said(shown: Command, arguments: tuple[str, ...], told: str) -> None:
    assert told in shown(*arguments, status=2)


def test_without_redis_it_says_so(shown: Command) -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    assert "Redis cannot be reached" in shown(status=1, REDIS_URL=url)


def test_a_bar_is_as_long_as_its_part() -> None:
    assert [bar(amount, 160) for amount in (160, 80, 12, 4, 0)] == [
        "█" * 20,
        "█" * 10,
        "█▌",
        "▌",
        "",
    ]
    assert bar(0, 0) == ""
