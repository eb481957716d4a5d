"""Bodies: values are counted, and what stands in texts is none of them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.errors import InvalidRequest
from proxy.web.body import parse_json

MOST = 310_000
"""As docs/api.md has it."""
NOISE = st.text(alphabet=',[{"\\\\ x\u20ac', min_size=1, max_size=40)


def parsed(value: dict[str, Any]) -> Any:
    return parse_json(orjson.dumps(value), max_depth=64)


@settings(max_examples=25, deadline=None)
@given(NOISE, st.integers(0, 70_000))
def test_a_text_may_hold_whatever_it_likes(noise: str, before: int) -> None:
    body = {"a": "x" * before, "b": noise * (4 * MOST // len(noise)) + ","}
    assert parsed(body) == body


@settings(max_examples=25, deadline=None)
@given(NOISE)
def test_values_beside_a_text_are_counted(noise: str) -> None:
    with pytest.raises(InvalidRequest, match=f"more than {MOST} values"):
        parsed({"text": noise, "values": [noise[0]] * (MOST + 1), "more": noise})


@pytest.mark.parametrize("unit", [b"[],", b'{"a":1},', b"1,", b'"",', b'""'])
def test_a_body_of_more_values_is_refused_whatever_they_are(unit: bytes) -> None:
    text = b'{"text": "%b", ' % (b"," * (MOST + 1))
    with pytest.raises(InvalidRequest, match="more than"):
        parse_json(text + b'"values": [' + unit * (3 * MOST) + b"1]}", max_depth=64)


@pytest.mark.parametrize("end", [b"\\\\", b'\\\\"', b""])
def test_a_text_that_does_not_end_is_no_json(end: bytes) -> None:
    with pytest.raises(InvalidRequest, match="not JSON"):
        parse_json(b'{"text": "' + b"," * (MOST + 1) + end, max_depth=64)


def test_as_many_tokens_as_a_request_for_embeddings_holds_are_taken() -> None:
    tokens = [[7] * 146 for _ in range(2048)] + [[7] * (300_000 - 146 * 2048)]
    body = {"model": "text-embedding-3-small", "input": tokens}
    assert parsed(body) == body
