"""What a person is told of a reply."""

from __future__ import annotations

from typing import Any

from proxy.cli.answers import figures, one_line, printable, remarks, reply_text

REPLY: dict[str, Any] = {
    "reply": "Hello.",
    "model": "gpt-6-luna",
    "finish_reason": "stop",
    "usage": {"total_tokens": 39},
    "cost_usd": 0.0000119,
    "context": {"turns_sent": 4, "turns_left_out": 0},
}


def test_a_reply_cannot_steer_the_terminal() -> None:
    assert printable("a\x1b[2Jb\r\x07\x9b1m\n\tü") == "a[2Jb1m\n\tü"


def test_a_cell_is_one_line() -> None:
    assert one_line(" a\tb\n\x1bc ") == "a b c"


def test_a_whole_answer_needs_no_remark() -> None:
    assert list(remarks(REPLY)) == []


def test_what_was_left_out_and_cut_is_remarked() -> None:
    reply = REPLY | {"finish_reason": "length", "context": {"turns_left_out": 1}}
    assert list(remarks(reply)) == [
        "The model's context is full: 1 earlier turn left out.",
        "The answer is cut at its token limit.",
    ]


def test_figures_name_the_model_the_tokens_and_the_cost() -> None:
    assert figures(REPLY) == "gpt-6-luna · 39 tokens · $0.000012"


def test_an_unknown_cost_is_not_shown_as_nothing() -> None:
    assert figures(REPLY | {"cost_usd": None}) == "gpt-6-luna · 39 tokens"


def test_tool_calls_are_shown_where_there_is_no_text() -> None:
    call = {"function": {"name": "weather", "arguments": '{"in": "Ulm"}'}}
    assert reply_text(REPLY | {"reply": "", "tool_calls": [call]}) == 'weather({"in": "Ulm"})'
