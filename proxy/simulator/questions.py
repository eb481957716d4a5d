"""What each endpoint of OpenAI's does with a body: check it, then answer it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from proxy.simulator.answers import Ask, compose
from proxy.simulator.chat import chat_completion, chat_events, read_chat
from proxy.simulator.chat_rules import check_chat, check_context
from proxy.simulator.embeddings import check_embeddings, count_inputs, embeddings
from proxy.simulator.responses_conversation import messages_after, read_response
from proxy.simulator.responses_fields import check_input_fits, check_response
from proxy.simulator.responses_writer import ResponseWriter

if TYPE_CHECKING:
    from flask import Response

    from proxy.simulator.exchange import Exchange
    from proxy.simulator.script import Reply
    from proxy.simulator.state import State


class Question(Protocol):
    """A body that was found right; making one raises a Refusal when it was not.

    Attributes:
        tokens: what it counts against the rate limit.
    """

    tokens: int

    def __init__(self, body: dict[str, Any], state: State) -> None: ...

    def answer(self, exchange: Exchange, reply: Reply) -> Response:
        """Answer it as scripted."""


class ChatQuestion:
    """POST /v1/chat/completions."""

    def __init__(self, body: dict[str, Any], state: State) -> None:
        model = check_chat(body, lenient=state.lenient)
        self._ask = read_chat(body)
        check_context(model, self._ask.prompt_tokens)
        self.tokens = _reserved(self._ask)

    def answer(self, exchange: Exchange, reply: Reply) -> Response:
        """A completion, or its chunks."""
        answer = compose(self._ask, reply)
        if self._ask.parameters.get("stream"):
            return exchange.stream(chat_events(self._ask, answer, reply.chunk_size), reply)
        return exchange.answer(chat_completion(self._ask, answer), reply)


class ResponseQuestion:
    """POST /v1/responses."""

    def __init__(self, body: dict[str, Any], state: State) -> None:
        model = check_response(body, lenient=state.lenient)
        self._body, self._memory = body, state.memory
        self._before = state.memory.recall(body)
        self._ask = read_response(body, self._before)
        check_input_fits(model, self._ask.prompt_tokens)
        self.tokens = _reserved(self._ask)

    def answer(self, exchange: Exchange, reply: Reply) -> Response:
        """A response, or its events; what comes next may go on from it."""
        answer = compose(self._ask, reply)
        writer = ResponseWriter(self._ask, answer)
        after = messages_after(self._body, self._before, answer)
        self._memory.keep(self._body, writer.id, after)
        if self._body.get("stream"):
            return exchange.stream(writer.events(reply.chunk_size), reply)
        return exchange.answer(writer.whole(), reply)


class EmbeddingsQuestion:
    """POST /v1/embeddings."""

    def __init__(self, body: dict[str, Any], state: State) -> None:
        self._model = check_embeddings(body, lenient=state.lenient)
        self._body = body
        self.tokens = count_inputs(body)

    def answer(self, exchange: Exchange, reply: Reply) -> Response:
        """A vector for each input."""
        return exchange.answer(embeddings(self._body, self._model), reply)


def _reserved(ask: Ask) -> int:
    """The prompt and the longest answer asked for, as OpenAI counts a request in advance."""
    return ask.prompt_tokens + (ask.max_tokens or 0)
