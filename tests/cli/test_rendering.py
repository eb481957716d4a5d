"""An answer that grows block by block ends as if it had been rendered whole."""

from __future__ import annotations

import io
import re

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.markdown import Markdown

from proxy.cli.rendering import RenderedAnswer, split
from tests.support.waiting import wait_until

BLOCKS = [
    "# Head",
    "## Head\ntext right below",
    "Text with **bold** and `code`\nin two lines.",
    "- one\n- two\n  - deeper\n- three",
    "1. one\n\n2. two\n\n   more of two\n\n3. three",
    "```python\ndef f():\n\n    return 1\n```",
    "~~~\nnever closed\n\nstill code",
    "> quote\nlazy\n>\n> more",
    "a | b\n--|--\n1 | 2\n3 | 4",
    "Set\n===",
    "---",
    "    code\n\n    more code",
]
TEXTS = st.lists(st.sampled_from(BLOCKS), min_size=1, max_size=6).map("\n\n".join)


def terminal(kind: str = "dumb") -> Console:
    return Console(
        file=io.StringIO(),
        force_terminal=True,
        width=40,
        height=12,
        color_system=None,
        _environ={"TERM": kind},
    )


def shown(console: Console) -> str:
    """What a console was given, no two empty lines together."""
    assert isinstance(console.file, io.StringIO)
    return re.sub(r"\n\n+", "\n\n", console.file.getvalue()).strip("\n")


@given(TEXTS, st.data())
def test_pieces_rendered_one_by_one_make_the_whole(text: str, data: st.DataObject) -> None:
    pieces, whole = terminal(), terminal()
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=30).map(sorted))
    printed = 0
    for cut in cuts:
        finished, growing = split(text[printed:cut])
        assert finished + growing == text[printed:cut]
        if finished:
            pieces.print(Markdown(finished), "")
            printed += len(finished)
    pieces.print(Markdown(text[printed:]))
    whole.print(Markdown(text))
    assert shown(pieces) == shown(whole)


def test_a_line_that_is_not_whole_ends_no_block() -> None:
    assert split("1. one\n\n2") == ("", "1. one\n\n2")
    assert split("1. one\n\nText\n") == ("1. one\n\n", "Text\n")


def test_a_finished_block_is_printed_before_the_end() -> None:
    console = terminal()
    with RenderedAnswer(console) as answer:
        answer.add("One.\n\nTwo, ")
        answer.add("of two\n")
        wait_until(lambda: shown(console).rstrip() == "One.", "the first block")
        answer.add("lines.")
    assert [line.rstrip() for line in shown(console).splitlines()] == [
        "One.",
        "",
        "Two, of two lines.",
    ]


def test_the_end_of_a_block_taller_than_the_terminal_is_in_view() -> None:
    console = terminal("xterm")
    code = "```\n" + "".join(f"line {number}\n" for number in range(30))
    with RenderedAnswer(console) as answer:
        answer.add(code)
        wait_until(lambda: "line 29" in shown(console), "the last line")
        assert "line 19" not in shown(console)
    assert "line 19" in shown(console)


def test_an_answer_without_a_word_shows_none() -> None:
    console = terminal()
    with RenderedAnswer(console) as answer:
        answer.waiting("Place 3 in the queue")
    assert shown(console) == ""


def test_an_answer_cannot_steer_the_terminal() -> None:
    console = terminal()
    with RenderedAnswer(console) as answer:
        answer.add("a\x1b]0;owned\x07b")
    assert shown(console).rstrip() == "a]0;ownedb"
