"""Texts, titles and usage of a conversation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.conversation import Usage, called, text_of, title_from
from tests.domain.samples import CALL, turn


@given(st.text())
def test_a_title_is_one_line_of_at_most_61_characters(message: str) -> None:
    title = title_from(message)
    assert len(title) <= 61
    assert title == " ".join(title.split())


@given(st.text())
def test_a_title_is_the_beginning_of_its_message(message: str) -> None:
    title = title_from(message)
    assert " ".join(message.split()).startswith(title.removesuffix("…"))


def test_a_short_message_is_its_own_title() -> None:
    assert title_from("  What is\n\tlove? ") == "What is love?"


def test_a_long_message_is_cut_at_a_word() -> None:
    assert title_from("word " * 20) == "word " * 11 + "word…"


def test_a_long_word_is_cut_where_the_title_ends() -> None:
    assert title_from("x" * 100) == "x" * 60 + "…"


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": "words"}, "words"),
        ({"content": [{"type": "text", "text": "a"}, {"type": "image_url"}, "b"]}, "a"),
        ({"content": None, "refusal": "no"}, "no"),
        ({"content": "", "refusal": "no"}, "no"),
        ({"content": None}, ""),
        ({}, ""),
    ],
)
def test_the_text_of_a_message_is_its_words_or_its_refusal(
    message: dict[str, object], text: str
) -> None:
    assert text_of(message) == text


def test_a_tool_call_names_a_function_or_a_custom_tool() -> None:
    custom = {"id": "c", "type": "custom", "custom": {"name": "grep", "input": "x"}}
    assert called(CALL) == ("f", "{}")
    assert called(custom) == ("grep", "x")


def test_the_next_prompt_holds_a_turn_without_its_reasoning() -> None:
    used = Usage(100, 50, cached_tokens=20, reasoning_tokens=30)
    assert (used.total_tokens, used.remembered_tokens) == (150, 120)


def test_a_usage_shows_details_only_where_there_are_any() -> None:
    plain = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    assert Usage(3, 2).as_json() == plain
    assert Usage(3, 2, 1, 2, estimated=True).as_json() == plain | {
        "prompt_tokens_details": {"cached_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 2},
        "estimated": True,
    }


def test_a_turn_knows_whether_it_asks_for_tools_or_answers_them() -> None:
    asking, answering = turn(calls=True), turn(answers=True)
    assert (asking.tool_calls, asking.reply, asking.answers_tools) == ([CALL], "", False)
    assert (answering.tool_calls, answering.answers_tools) == ([], True)
