"""Requests that are wrong: what we cannot read we refuse, the rest is ChatGPT's to refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from tests.openai.relaying import ASKS, CHAT, EMBEDDINGS, RESPONSES, ask, failed, listen

if TYPE_CHECKING:
    from tests.support.service import Client, Service
    from tests.support.simulator import Control

JSON = {"Content-Type": "application/json"}
INVALID = (400, "invalid_request", None)
NO_MODEL = (400, "invalid_request", "model")

UNREADABLE: dict[str, tuple[bytes, dict[str, str], tuple[int, str, str | None]]] = {
    "nothing": (b"", JSON, INVALID),
    "null": (b"null", JSON, INVALID),
    "a list": (b"[]", JSON, INVALID),
    "half an object": (b'{"model": "gpt', JSON, INVALID),
    "Latin-1": ('{"model": "é"}'.encode("latin-1"), JSON, INVALID),
    "a lone surrogate": (b'{"model": "\\ud800"}', JSON, INVALID),
    "NaN": (b'{"model": "gpt-6-luna", "n": NaN}', JSON, INVALID),
    "an infinite number": (b'{"model": "gpt-6-luna", "n": 1e999}', JSON, INVALID),
    "100,000 brackets": (b"[" * 100_000, JSON, INVALID),
    "a hundred levels": (b'{"messages": ' + b"[" * 100 + b"]" * 100 + b"}", JSON, INVALID),
    "a name twice": (b'{"model": "a", "model": "b"}', JSON, NO_MODEL),
    "no model": (b"{}", JSON, NO_MODEL),
    "a model without a name": (b'{"model": ""}', JSON, NO_MODEL),
    "a number for a model": (b'{"model": 6}', JSON, NO_MODEL),
    "a null model": (b'{"model": null}', JSON, NO_MODEL),
    "text": (b"Hello", {"Content-Type": "text/plain"}, (415, "unsupported_media_type", None)),
    "XML": (b"<a/>", {"Content-Type": "text/xml"}, (415, "unsupported_media_type", None)),
    "an odd idempotency key": (b"{}", JSON | {"Idempotency-Key": "a b"}, NO_MODEL),
}

ODD: tuple[dict[str, Any], ...] = (
    {"model": "\x00"},
    {"model": "m" * 100_000},
    {"model": "../../admin"},
    {"messages": None, "input": None},
    {"messages": [], "input": []},
    {"messages": {}, "input": {}},
    {"messages": 5, "input": 5},
    {"messages": [None], "input": [None]},
    {"messages": [[]], "input": [[]]},
    {"messages": [5, "x"], "input": [5, "x"]},
    {"messages": [{"role": 5}], "input": [{"role": 5}]},
    {"messages": [{"role": "user", "content": [5]}], "input": [{"role": "user", "content": [5]}]},
    {"messages": [{"type": {}}], "input": [{"type": []}]},
    {"tools": [{"type": {}}]},
    {"tools": 5},
    {"tools": [5]},
    {"tools": {"type": "function"}},
    {"tool_choice": []},
    {"n": 0},
    {"n": 1e9},
    {"n": True},
    {"n": "three"},
    {"max_tokens": "many", "max_output_tokens": "many", "dimensions": "many"},
    {"max_tokens": -1, "max_output_tokens": -1, "dimensions": -1},
    {"max_completion_tokens": 10**18, "max_output_tokens": 10**18, "dimensions": 10**18},
    {"max_completion_tokens": 1.5, "max_output_tokens": 1.5, "dimensions": 1.5},
    {"stream": "yes"},
    {"stream": 1},
    {"stream_options": []},
    {"stream_options": {"include_usage": "yes"}},
    {"stream": True, "stream_options": {"include_usage": "yes"}},
    {"safety_identifier": {}},
    {"": 1},
    {"x" * 1_000: 1},
)


@pytest.mark.parametrize("path", ASKS)
@pytest.mark.parametrize("what", UNREADABLE)
def test_what_cannot_be_read_is_refused_before_chatgpt_is_asked(
    api: Client, chatgpt: Control, path: str, what: str
) -> None:
    body, headers, expected = UNREADABLE[what]
    assert failed(api.post(path, data=body, headers=headers)) == expected
    assert chatgpt.stats()["requests"] == 0


@pytest.mark.parametrize("path", ASKS)
def test_what_is_odd_is_chatgpt_s_to_judge_and_never_a_defect(
    api: Client, chatgpt: Control, path: str
) -> None:
    for fields in ODD:
        answer = ask(api, path, **fields)
        assert answer.status_code in {200, 400, 404}, (fields, answer.text)
        if not answer.ok:
            assert failed(answer)


@pytest.mark.parametrize("path", [CHAT, RESPONSES])
def test_what_is_odd_is_no_defect_of_a_stream_either(
    api: Client, chatgpt: Control, path: str
) -> None:
    for fields in ODD:
        answer = listen(api, path, **fields)
        assert answer.status_code in {200, 400, 404}, (fields, answer.text)
        assert b"internal_error" not in answer.content


def test_a_model_s_name_may_be_anything(api: Client, chatgpt: Control) -> None:
    for name in ("", "/", "x" * 1_000, "a/b/c", "%00", "%ff", "..", "?x", "gpt-0"):
        answer = api.get(f"/v1/models/{name}")
        assert failed(answer)[0] == 404, (name, answer.text)


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/gpt-6-luna", *ASKS])
def test_a_key_is_needed_before_anything_is_read(
    service: Service, chatgpt: Control, path: str
) -> None:
    nobody = service.client()
    answer = nobody.post(path, data=b"{") if path in ASKS else nobody.get(path)
    assert failed(answer) == (401, "invalid_api_key", None)
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert chatgpt.stats()["requests"] == 0


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/gpt-6-luna", *ASKS])
def test_another_method_is_told_which_is_right(api: Client, path: str) -> None:
    answer = api.get(path) if path in ASKS else api.post(path)
    assert failed(answer) == (405, "method_not_allowed", None)
    assert answer.headers["Allow"]


@pytest.mark.parametrize("size", [10, 25])
def test_a_body_over_twenty_mebibytes_is_refused_also_in_chunks(
    api: Client, chatgpt: Control, size: int
) -> None:
    body = orjson.dumps(ASKS[EMBEDDINGS] | {"user": "x" * size * 1024 * 1024})
    answer = api.post(EMBEDDINGS, data=iter([body]), headers=JSON)
    assert answer.status_code == (200 if size < 20 else 413)
