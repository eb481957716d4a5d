"""Embeddings: vectors made of a text's hash, so that equal texts have equal vectors."""

from __future__ import annotations

import base64
import hashlib
import math
from array import array as numbers
from typing import Any

from proxy.simulator.fields import (
    Check,
    array,
    check_body,
    choice,
    integer,
    string,
)
from proxy.simulator.models import Model, find_model
from proxy.simulator.refusals import Refusal, invalid_type
from proxy.simulator.tokens import count_text

_MOST_INPUTS = 2_048
_texts = array(string(), 1, _MOST_INPUTS)
_tokens = array(integer(0), 1, _MOST_INPUTS)
_token_lists = array(_tokens, 1, _MOST_INPUTS)


def _input(path: str, value: Any) -> None:
    """A text, texts, a text's tokens, or the tokens of texts."""
    if isinstance(value, str):
        return
    if not isinstance(value, list):
        raise invalid_type(path, "one of a string or array", value)
    kind = type(value[0]) if value else str
    {int: _tokens, list: _token_lists}.get(kind, _texts)(path, value)


_FIELDS: dict[str, Check] = {
    "model": string(),
    "input": _input,
    "dimensions": integer(1),
    "encoding_format": choice("float", "base64"),
    "user": string(),
}


def check_embeddings(body: dict[str, Any], *, lenient: bool) -> Model:
    """Check a request for embeddings; `lenient` lets unknown fields pass.

    Raises:
        Refusal: the first thing that is wrong.
    """
    check_body(body, _FIELDS, ("model", "input"), lenient=lenient)
    model = find_model(body["model"])
    if not model.dimensions:
        raise Refusal("This model does not support the embeddings endpoint.", param="model")
    if (body.get("dimensions") or 0) > model.dimensions:
        raise Refusal(
            f"Invalid value for 'dimensions' = {body['dimensions']}. Must be less than or equal "
            f"to {model.dimensions}.",
            param="dimensions",
        )
    longest = max(_count(item) for item in _inputs(body["input"]))
    if longest > model.context:
        raise Refusal(
            f"This model's maximum context length is {model.context} tokens, however you requested "
            f"{longest} tokens ({longest} in your prompt; 0 for the completion). Please reduce "
            "your prompt; or completion length.",
            param="input",
            code="context_length_exceeded",
        )
    return model


def count_inputs(body: dict[str, Any]) -> int:
    """Tokens of all inputs."""
    return sum(_count(item) for item in _inputs(body["input"]))


def embeddings(body: dict[str, Any], model: Model) -> dict[str, Any]:
    """The answer: a vector of length 1 for each input, as numbers or as base64 of float32."""
    dimensions = body.get("dimensions") or model.dimensions
    as_numbers = body.get("encoding_format") != "base64"
    vectors = [_vector(repr(item), dimensions) for item in _inputs(body["input"])]
    tokens = count_inputs(body)
    return {
        "object": "list",
        "model": f"simulated-{body['model']}",
        "data": [
            {
                "object": "embedding",
                "index": index,
                "embedding": vector.tolist()
                if as_numbers
                else base64.b64encode(vector.tobytes()).decode(),
            }
            for index, vector in enumerate(vectors)
        ],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _inputs(given: Any) -> list[Any]:
    """The inputs as a list of texts or of lists of tokens."""
    if isinstance(given, str) or isinstance(given[0], int):
        return [given]
    return list(given)


def _count(item: str | list[int]) -> int:
    return count_text(item) if isinstance(item, str) else len(item)


def _vector(text: str, dimensions: int) -> numbers[float]:
    digest = hashlib.shake_256(text.encode()).digest(2 * dimensions)
    parts = numbers("h", digest)
    length = math.sqrt(sum(part * part for part in parts))
    return numbers("f", [part / length for part in parts])
