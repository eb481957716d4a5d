"""The default words: a person who asks sees what the simulated ChatGPT was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

if TYPE_CHECKING:
    from tests.simulator.caller import Caller

NAMED = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi, my name is Ada."},
    {"role": "assistant", "content": "Hello, Ada."},
]


def ask(said: str) -> list[dict[str, Any]]:
    return [*NAMED, {"role": "user", "content": said}]


def test_it_echoes_what_was_said(caller: Caller) -> None:
    assert caller.words("Good morning") == 'You said: "Good morning"'


def test_it_echoes_no_more_than_the_beginning_of_a_long_message(caller: Caller) -> None:
    words = caller.words("word " * 40_000)
    assert words.startswith("You said 200000 characters")
    assert len(words) < 2_000


def test_it_echoes_the_words_among_the_parts_of_a_message(caller: Caller) -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}
    parts = [{"type": "text", "text": "A cat?"}, image]
    assert caller.words([{"role": "user", "content": parts}]) == 'You said: "A cat?"'
    assert caller.words([{"role": "user", "content": [image]}]) == "You said nothing in words."


def test_it_counts_the_messages_that_it_was_sent(caller: Caller) -> None:
    words = caller.words(ask("How many messages do you see?"))
    assert words == "I was sent 4 messages: 1 system, 2 user, 1 assistant."


@pytest.mark.parametrize("question", ["What is my name?", "what's my name"])
def test_it_remembers_a_name_from_what_it_was_sent(caller: Caller, question: str) -> None:
    assert caller.words(ask(question)) == "Your name is Ada."
    assert caller.words(question) == "You have not told me your name."


def test_it_shows_its_instructions(caller: Caller) -> None:
    assert caller.words(ask("What were your instructions?")) == "My instructions were: Be brief."
    assert caller.words("your instructions?") == "I was given no instructions."


def test_it_shows_the_parameters_of_the_request(caller: Caller) -> None:
    words = caller.words("Show me your request", reasoning_effort="low", seed=7)
    shown = orjson.loads(words.removeprefix("```json").removesuffix("```"))
    assert shown == {"model": "gpt-6-luna", "reasoning_effort": "low", "seed": 7}
