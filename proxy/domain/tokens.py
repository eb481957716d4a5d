"""How many tokens a text takes, estimated without a tokenizer and corrected by what is reported."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

from proxy.domain.conversation import called, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from proxy.domain.conversation import Message

PER_MESSAGE = 4
"""Tokens that wrap a message: its role and two marks, three and one in OpenAI's cookbook."""
PER_PROMPT = 3
"""Tokens that open the answer, likewise."""
PER_IMAGE = 1_105
"""A 1024 x 1024 image in high detail, as OpenAI's vision guide counts it for larger models."""

_MEDIA = {"image_url", "input_image", "input_audio", "input_file", "file"}
_WRAPPING = {"role", "type", "id", "tool_call_id"}
_STEPS = 8
"""Factors are rounded up to eighths: workers that saw different traffic estimate alike, so that a
request which comes back when one of them told it to is not found dearer by the next."""
_SLOWNESS = 0.1
"""Weight of a new observation in the running mean: the last ten or so count."""
_MOST_MODELS = 256


def estimate_text(text: str) -> int:
    """Tokens of a text: a quarter of its ASCII characters and 2 in 5 of its other bytes.

    English is about four characters a token; o200k_base splits other scripts into 0.3 to 1 token a
    character, which is 2 to 4 bytes. `Calibration` mends the rest from what ChatGPT reports.
    """
    characters = len(text)
    if text.isascii():
        return -(-characters // 4)
    size = len(text.encode("utf-8", "surrogatepass"))
    ascii_characters = sum(map(str.isascii, text))
    return -(-ascii_characters // 4) + -(-(size - ascii_characters) * 2 // 5)


def estimate_message(message: Message) -> int:
    """Tokens of one message with its wrapping, tool calls and images."""
    tokens = PER_MESSAGE + estimate_text(text_of(message))
    for call in message.get("tool_calls") or ():
        tokens += PER_MESSAGE + sum(map(estimate_text, called(call)))
    content = message.get("content")
    if isinstance(content, list):
        tokens += PER_IMAGE * sum(1 for part in content if part.get("type") == "image_url")
    return tokens


def estimate_messages(messages: Iterable[Message]) -> int:
    """Tokens of several messages."""
    return sum(map(estimate_message, messages))


def estimate_value(value: Any) -> int:
    """Tokens of a request's content in any of OpenAI's forms: its texts, a constant a medium.

    A list of numbers is a text in tokens, as embeddings take it.
    """
    if isinstance(value, str):
        return estimate_text(value)
    if isinstance(value, list):
        return sum(
            1 if isinstance(item, int) else PER_MESSAGE + estimate_value(item) for item in value
        )
    if not isinstance(value, dict):
        return 0
    kind = value.get("type")
    if isinstance(kind, str) and kind in _MEDIA:
        return PER_IMAGE
    return sum(estimate_value(inner) for name, inner in value.items() if name not in _WRAPPING)


class Calibration:
    """For each model, the running ratio of reported to estimated tokens, and of answers' length.

    It lives in a worker's memory: it starts at 1 and learns from that worker's own traffic.
    """

    def __init__(self) -> None:
        self._factors: dict[str, float] = {}
        self._answers: dict[str, float] = {}

    def correct(self, model: str, estimate: int) -> int:
        """The estimate, corrected by what was seen of this model."""
        return ceil(estimate * ceil(self._factors.get(model, 1.0) * _STEPS) / _STEPS)

    def answer(self, model: str) -> int:
        """How long an answer of this model tends to be, in tokens; 256 before the first."""
        return round(self._answers.get(model, 256))

    def observe(self, model: str, *, estimated: int, reported: int, answer: int) -> None:
        """Learn from a turn: what was estimated of its new part, what was reported, its answer."""
        if estimated > 0 and reported > 0:
            ratio = min(4.0, max(0.25, reported / estimated))
            _blend(self._factors, model, ratio, 1.0)
        _blend(self._answers, model, answer, 256)


def _blend(means: dict[str, float], model: str, value: float, start: float) -> None:
    if model not in means and len(means) >= _MOST_MODELS:
        means.clear()
    before = means.get(model, start)
    means[model] = before + _SLOWNESS * (value - before)
