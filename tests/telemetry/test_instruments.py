"""Counters, histograms and gauges."""

from __future__ import annotations

from proxy.telemetry.instruments import Counter, Followed, Gauge, Histogram
from proxy.telemetry.ledger import ledger


def test_a_time_is_counted_in_the_first_step_that_holds_it() -> None:
    histogram = Histogram("test_steps", "", (0.1, 1), ("kind",))
    for seconds in (0.05, 0.1, 0.5, 2):
        histogram.observe(seconds, "x")
    assert histogram.totals() == {("x",): [2.65, 2, 1, 1]}


def test_labels_are_told_apart_and_written_as_text() -> None:
    counter = Counter("test_labels", "", ("method", "status"))
    for status in (200, 200, 404):
        counter.add(1, "GET", status)
    assert counter.totals() == {("GET", "200"): [2], ("GET", "404"): [1]}


def test_labels_beyond_the_most_are_counted_together_and_not_remembered() -> None:
    counter = Counter("test_most", "", ("model",), most=2)
    for number in range(1000):
        counter.add(1, number)
    assert counter.totals() == {("0",): [1], ("1",): [1], ("other",): [998]}
    assert len(counter._at) <= 3


def test_a_gauge_is_what_it_was_set_to_last() -> None:
    gauge = Gauge("test_gauge", "")
    ledger().own.say_alive()
    gauge.set(3)
    gauge.set(1)
    assert gauge.totals() == {(): [1]}


def test_what_is_followed_is_counted_once() -> None:
    counter = Counter("test_followed", "")
    followed = Followed(counter)
    for number in (1, 1, 4):
        followed.tell(number)
    assert counter.totals() == {(): [4]}
