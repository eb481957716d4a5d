"""Embeddings: vectors that are always the same for a text."""

from __future__ import annotations

import base64
import math
from array import array
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.simulator.caller import Caller

SMALL = "text-embedding-3-small"


def embed(caller: Caller, given: Any, **fields: Any) -> Any:
    return caller.post("/embeddings", {"model": SMALL, "input": given, **fields}).json()


def test_a_text_has_one_vector_of_length_one(caller: Caller) -> None:
    answer = embed(caller, "Hello")
    (item,) = answer["data"]
    assert (answer["object"], item["object"], item["index"]) == ("list", "embedding", 0)
    assert answer["model"] == "simulated-text-embedding-3-small"
    assert answer["usage"] == {"prompt_tokens": 2, "total_tokens": 2}
    assert len(item["embedding"]) == 1_536
    assert math.hypot(*item["embedding"]) == pytest.approx(1)


def test_equal_texts_have_equal_vectors_and_others_do_not(caller: Caller) -> None:
    a, b, again = (item["embedding"] for item in embed(caller, ["a", "b", "a"])["data"])
    assert a == again != b


def test_tokens_are_taken_in_place_of_texts(caller: Caller) -> None:
    assert len(embed(caller, [1, 2, 3])["data"]) == 1
    assert len(embed(caller, [[1, 2], [3]])["data"]) == 2


def test_vectors_come_shorter_and_in_base64_when_asked(caller: Caller) -> None:
    plain = embed(caller, "Hello", dimensions=8)["data"][0]["embedding"]
    encoded = embed(caller, "Hello", dimensions=8, encoding_format="base64")["data"][0]["embedding"]
    assert array("f", base64.b64decode(encoded)).tolist() == pytest.approx(plain)
    assert len(plain) == 8


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": []}, "input"),
        ({"input": 3}, "input"),
        ({"input": ["a", 3]}, "input[1]"),
        ({"input": "word " * 10_000}, "input"),
        ({"model": "gpt-6-luna"}, "model"),
        ({"dimensions": 1_537}, "dimensions"),
        ({"top_k": 3}, "top_k"),
    ],
)
def test_wrong_requests_are_refused(caller: Caller, fields: dict[str, Any], param: str) -> None:
    answer = caller.post("/embeddings", {"model": SMALL, "input": "Hello"} | fields)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
