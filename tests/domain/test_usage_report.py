"""Which usage is asked for, and how it is told."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.usage import figures
from proxy.domain.usage_report import Report, Row, span, stamp
from proxy.errors import InvalidRequest

NOW = datetime(2026, 11, 22, 10, 20, 30, tzinfo=UTC).timestamp()


def asked(**fields: str) -> tuple[str, str, str]:
    """From, to and step that are understood; `begin` and `end` stand for from and to."""
    names = {"begin": "from", "end": "to"}
    found = span({names.get(name, name): value for name, value in fields.items()}, NOW)
    return stamp(found.begins), stamp(found.ends), found.step


def row(start: datetime, name: str, **metrics: int) -> Row:
    return Row(start, name, metrics, figures(metrics))


def test_without_a_word_it_is_the_last_24_hours() -> None:
    assert asked() == ("2026-11-21T11:00:00Z", "2026-11-22T11:00:00Z", "hour")


def test_by_day_it_is_the_last_30_days() -> None:
    assert asked(step="day") == ("2026-10-24T00:00:00Z", "2026-11-23T00:00:00Z", "day")


@pytest.mark.parametrize(
    ("begin", "told"),
    [
        ("2026-11-21", "2026-11-21T00:00:00Z"),
        ("2026-11-21T07:30:00Z", "2026-11-21T07:00:00Z"),
        ("2026-11-21T07:30:00+02:00", "2026-11-21T05:00:00Z"),
        ("2026-11-21T07:30", "2026-11-21T07:00:00Z"),
        ("1795341600", "2026-11-22T10:00:00Z"),
    ],
    ids=["date", "utc", "offset", "naive", "seconds"],
)
def test_a_time_is_widened_to_whole_steps(begin: str, told: str) -> None:
    assert asked(begin=begin, step="hour")[0] == told


def test_a_last_date_is_included() -> None:
    day = ("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z", "hour")
    assert asked(begin="2026-11-20", end="2026-11-20") == day


def test_a_long_time_is_told_by_day_unless_asked_otherwise() -> None:
    assert asked(begin="2026-11-01")[2] == "day"
    assert asked(begin="2026-11-16", step="hour")[2] == "hour"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"by": "session"}, "by"),
        ({"step": "week"}, "step"),
        ({"from": "yesterday"}, "from"),
        ({"from": "99999999999999999999"}, "from"),
        ({"from": "0001-01-01"}, "from"),
        ({"to": "2026-02-30"}, "to"),
        ({"to": "9999-12-31"}, "to"),
        ({"from": "2026-11-22", "to": "2026-11-20"}, "from"),
        ({"from": "2026-01-01", "step": "hour"}, "from"),
    ],
    ids=["by", "step", "word", "huge", "first", "no-day", "last", "reverse", "long"],
)
def test_what_is_wrong_is_named(fields: dict[str, str], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        span(fields, NOW)
    assert refused.value.param == param
    assert f"'{param}'" in refused.value.message


@given(st.text() | st.datetimes().map(str) | st.integers().map(str))
def test_whatever_stands_there_is_understood_or_refused(text: str) -> None:
    for name in ("from", "to"):
        try:
            found = span({name: text, "step": "day"}, NOW)
        except InvalidRequest:
            continue
        assert found.begins < found.ends


@given(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)), st.integers(1, 160))  # noqa: DTZ001
def test_a_span_touches_its_days_and_no_other(begin: datetime, hours: int) -> None:
    asked_for = {"from": begin.isoformat(), "step": "hour"}
    found = span(asked_for | {"to": (begin + timedelta(hours=hours)).isoformat()}, NOW)
    days = {
        f"{found.begins + timedelta(hours=at):%Y-%m-%d}"
        for at in range(int((found.ends - found.begins) / timedelta(hours=1)))
    }
    assert set(found.days()) == days


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_name_that_looks_like_a_formula_is_none_in_a_table(name: str) -> None:
    begins = datetime(2026, 11, 22, tzinfo=UTC)
    report = Report(span({}, NOW), [row(begins, name, requests=1)])
    (told,) = csv.DictReader(io.StringIO(report.as_csv(), newline=""))
    assert told["name"] == f"'{name}"
    assert report.as_json()["data"][0]["name"] == name


def test_a_table_has_a_column_for_each_figure() -> None:
    report = Report(span({}, NOW), [row(datetime(2026, 11, 22, 9, tzinfo=UTC), "a,\nb")])
    (told,) = csv.DictReader(io.StringIO(report.as_csv(), newline=""))
    assert (told["start"], told["name"]) == ("2026-11-22T09:00:00Z", "a,\nb")
    assert list(told)[-3:] == ["first_word_p50_s", "first_word_p95_s", "first_word_p99_s"]
    assert told["latency_p99_s"] == ""


def test_usage_is_summed_by_name_and_in_all() -> None:
    hours = [datetime(2026, 11, 22, hour, tzinfo=UTC) for hour in (8, 9)]
    rows = [row(hour, name, requests=2) for hour in hours for name in "ab"]
    report = Report(span({}, NOW), rows)
    assert report.by_name() == {"a": {"requests": 4}, "b": {"requests": 4}}
    assert report.as_json()["totals"]["requests"] == 8


def report_of(**fields: str) -> list[tuple[str, str, int]]:
    """Start, name and requests of each row of a report of four requests."""
    hours = [datetime(2026, 11, 22, hour, tzinfo=UTC) for hour in (8, 9)]
    used = [(hour, name, {"requests": 1}) for hour in hours for name in "ab"]
    told = Report.of(span({"step": "hour"} | fields, NOW), used).as_json()["data"]
    return [(row["start"][11:13], row["name"], row["requests"]) for row in told]


def test_usage_is_told_by_step_and_name_or_as_one() -> None:
    assert report_of() == [("08", "a", 1), ("08", "b", 1), ("09", "a", 1), ("09", "b", 1)]
    assert report_of(total="true") == [("11", "a", 2), ("11", "b", 2)]
    assert report_of(by="all") == [("08", "all", 2), ("09", "all", 2)]
    assert report_of(by="all", total="true") == [("11", "all", 4)]


@pytest.mark.parametrize(
    ("fields", "names", "param"),
    [({"total": "yes"}, [], "total"), ({"by": "all"}, ["a"], "name"), ({}, ["a"] * 21, "name")],
    ids=["total", "all", "many"],
)
def test_names_and_total_are_checked(fields: dict[str, str], names: list[str], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        span(fields, NOW, names)
    assert refused.value.param == param
