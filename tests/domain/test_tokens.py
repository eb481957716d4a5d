"""How many tokens a text takes, estimated and corrected."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.tokens import (
    PER_IMAGE,
    PER_MESSAGE,
    Calibration,
    estimate_message,
    estimate_messages,
    estimate_text,
)
from tests.domain.samples import CALL

ANY_TEXT = st.text(st.characters(), max_size=200)
"""Lone surrogates too."""


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("ä", 1), ("日本語", 4), ("abcd日本語", 5)],
)
def test_a_text_takes_a_quarter_of_its_letters_and_more_in_other_scripts(
    text: str, tokens: int
) -> None:
    assert estimate_text(text) == tokens


@given(ANY_TEXT)
def test_every_text_but_the_empty_one_takes_tokens_at_most_two_a_character(text: str) -> None:
    assert bool(text) <= estimate_text(text) <= 2 * len(text)


@given(ANY_TEXT, ANY_TEXT)
def test_a_longer_text_never_takes_less(text: str, more: str) -> None:
    together = estimate_text(text + more)
    assert max(estimate_text(text), estimate_text(more)) <= together
    assert together <= estimate_text(text) + estimate_text(more)


def test_a_message_takes_its_text_and_its_wrapping() -> None:
    assert estimate_message({"role": "user", "content": "abcd"}) == PER_MESSAGE + 1


def test_a_tool_call_takes_its_name_and_arguments() -> None:
    custom = {"id": "c", "type": "custom", "custom": {"name": "abcd", "input": "abcdefgh"}}
    speechless = {"role": "assistant", "content": None}
    assert estimate_message(speechless | {"tool_calls": [CALL]}) == 2 * PER_MESSAGE + 2
    assert estimate_message(speechless | {"tool_calls": [custom]}) == 2 * PER_MESSAGE + 3


def test_an_image_takes_what_the_largest_models_count_for_it() -> None:
    parts = [{"type": "text", "text": "abcd"}, {"type": "image_url", "image_url": {"url": "x"}}]
    assert estimate_message({"role": "user", "content": parts}) == PER_MESSAGE + 1 + PER_IMAGE


def test_messages_take_the_sum_of_each() -> None:
    message = {"role": "user", "content": "abcd"}
    assert estimate_messages([message, message]) == 2 * estimate_message(message)


def test_a_model_that_was_never_seen_is_not_corrected() -> None:
    assert Calibration().correct("m", 100) == 100
    assert Calibration().answer("m") == 256


def test_estimates_follow_what_is_reported() -> None:
    learned = Calibration()
    for _ in range(100):
        learned.observe("m", estimated=100, reported=150, answer=40)
    assert learned.correct("m", 100) == 150
    assert learned.answer("m") == 40


def test_one_model_teaches_nothing_about_another() -> None:
    learned = Calibration()
    learned.observe("m", estimated=100, reported=300, answer=4_000)
    assert (learned.correct("n", 100), learned.answer("n")) == (100, 256)


@given(st.lists(st.tuples(st.integers(-5, 10**9), st.integers(-(10**9), 10**9)), max_size=30))
def test_no_report_however_odd_corrects_by_more_than_a_factor_of_four(
    reports: list[tuple[int, int]],
) -> None:
    learned = Calibration()
    for estimated, reported in reports:
        learned.observe("m", estimated=estimated, reported=reported, answer=0)
    assert 250 <= learned.correct("m", 1_000) <= 4_000


def test_endless_names_of_models_are_forgotten() -> None:
    learned = Calibration()
    for number in range(300):
        learned.observe(f"m{number}", estimated=1, reported=4, answer=1)
    assert learned.correct("m0", 100) == 100
    assert learned.correct("m299", 100) == 138


def test_what_is_learned_of_a_model_is_rounded_up_to_eighths() -> None:
    learned = Calibration()
    learned.observe("m", estimated=100, reported=90, answer=1)
    assert learned.correct("m", 80) == 80
    for _ in range(50):
        learned.observe("m", estimated=100, reported=81, answer=1)
    assert learned.correct("m", 80) == 70
