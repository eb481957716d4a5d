"""Server-sent events come out whole, however the bytes that carry them are split."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cli.events import Event, parse

STREAM = (
    ': still here\n\nid: 1\nevent: start\ndata: {"turn_id": "t_1"}\n\n'
    'id: 2\nevent: delta\n: aside\ndata: {"text":\ndata: "Zwölf 🙂\\n"}\n\n\n'
    "id: 3\nevent: nothing\n\n"
    'id: 4\ndata:{"unnamed":1}\nretry: 5\n\nid: 5\nevent: delta\ndata: {"text": "cut'
)
EVENTS = [
    Event(1, "start", {"turn_id": "t_1"}),
    Event(2, "delta", {"text": "Zwölf 🙂\n"}),
    Event(4, "message", {"unnamed": 1}),
]


@given(st.lists(st.integers(0, len(STREAM.encode()))), st.sampled_from(["\n", "\r\n", "\r"]))
def test_any_split_and_any_line_end_give_the_same_events(cuts: list[int], line_end: str) -> None:
    stream = STREAM.replace("\n", line_end).encode()
    edges = [0, *sorted(cuts), len(stream)]
    chunks = [stream[begin:end] for begin, end in pairwise(edges)]
    assert list(parse(chunks)) == EVENTS


@pytest.mark.parametrize(
    "wrong", ["id: 1\ndata: {\n\n", "id: 1\ndata: 7\n\n", "data: {}\n\n", "id: x\ndata: {}\n\n"]
)
def test_what_the_service_would_not_send_is_refused(wrong: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        list(parse([wrong.encode()]))
