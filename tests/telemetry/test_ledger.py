"""The figures of all workers, in memory that outlives each of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.telemetry.ledger import Ledger, Page

PAIR = 2


def count(page: Page, amount: float, *labels: str, family: str = "turns", most: int = 10) -> None:
    page.cells[page.claim(family, labels, 1, most)] += amount


def begin(ledger: Ledger, worker: int) -> Page:
    """A worker is forked, and says how it is."""
    ledger.assign(worker)
    ledger.own.say_alive()
    return ledger.own


def test_what_all_workers_counted_is_added_up() -> None:
    ledger = Ledger(3)
    count(begin(ledger, 1), 2, "a")
    count(begin(ledger, 2), 3, "a")
    count(ledger.own, 5, "b")
    assert ledger.total("turns", gauge=False) == {("a",): [5], ("b",): [5]}


def test_the_next_worker_counts_on_where_a_dead_one_stopped() -> None:
    ledger = Ledger(2)
    first = begin(ledger, 1)
    count(first, 2, "a")
    ledger.end(1)
    assert ledger.total("turns", gauge=False) == {("a",): [2]}
    assert begin(ledger, 2) is first
    count(ledger.own, 1, "a")
    assert ledger.total("turns", gauge=False) == {("a",): [3]}


def test_how_a_dead_worker_was_is_not_told_any_more() -> None:
    ledger = Ledger(2)
    count(begin(ledger, 1), 7)
    assert ledger.total("turns", gauge=True) == {(): [7]}
    ledger.end(1)
    assert ledger.total("turns", gauge=True) == {}
    ledger.assign(2)
    assert (ledger.total("turns", gauge=True), ledger.living) == ({}, 0)


def test_a_worker_too_many_is_left_out_and_does_no_harm() -> None:
    ledger = Ledger(1)
    count(begin(ledger, 1), 1)
    count(begin(ledger, 2), 1)
    assert ledger.total("turns", gauge=False) == {(): [1]}


def test_labels_beyond_the_most_are_counted_together() -> None:
    page = begin(Ledger(1), 1)
    for number in range(10):
        count(page, 1, str(number), most=3)
    told = dict(page.figures("turns"))
    assert told == {("0",): [1], ("1",): [1], ("2",): [1], ("other",): [7]}


def test_a_full_page_counts_what_it_knows_and_nothing_wrong() -> None:
    ledger = Ledger(1)
    page = begin(ledger, 1)
    count(page, 1, "early", most=10_000)
    for number in range(9_000):
        count(page, 1, str(number), most=10_000)
    count(page, 1, "early", most=10_000)
    told = ledger.total("turns", gauge=False)
    assert told["early",] == [2]
    assert 8_000 < len(told) < 8_192
    assert set(map(tuple, told.values())) == {(1,), (2,)}


@given(st.lists(st.text(max_size=120), max_size=20))
def test_whatever_a_label_says_it_is_one_label(labels: list[str]) -> None:
    page = Page(memoryview(bytearray(1 << 21)))
    for label in labels:
        count(page, 1, label, most=100)
        count(page, 1, label, "second", family="pairs", most=100)
    told = dict(page.figures("turns"))
    assert sum(cells[0] for cells in told.values()) == len(labels)
    assert all(label.isprintable() or not set(label) & {"\n", "\x1f"} for (label,) in told)
    assert {len(pair) for pair, _ in page.figures("pairs")} <= {PAIR}
