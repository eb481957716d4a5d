"""OpenAI's routes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from proxy.simulator.exchange import Exchange
from proxy.simulator.models import all_models, find_model
from proxy.simulator.questions import ChatQuestion, EmbeddingsQuestion, ResponseQuestion
from proxy.simulator.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.exceptions import HTTPException

    from proxy.simulator.questions import Question
    from proxy.simulator.script import Reply
    from proxy.simulator.state import State


def openai_api(state: State) -> Blueprint:
    """The routes under /v1, and OpenAI's words for any other."""
    blueprint = Blueprint("openai", __name__)
    questions: dict[str, type[Question]] = {
        "/v1/chat/completions": ChatQuestion,
        "/v1/responses": ResponseQuestion,
        "/v1/embeddings": EmbeddingsQuestion,
    }
    for path, question in questions.items():
        view = _posted(state, question)
        blueprint.add_url_rule(path, endpoint=question.__name__, view_func=view, methods=["POST"])

    @blueprint.get("/v1/models")
    def models() -> Response:
        listed = [model.described for model in all_models()]
        return _got(state, lambda: {"object": "list", "data": listed})

    @blueprint.get("/v1/models/<name>")
    def model(name: str) -> Response:
        return _got(state, lambda: find_model(name).described)

    @blueprint.app_errorhandler(404)
    @blueprint.app_errorhandler(405)
    def not_an_endpoint(error: HTTPException) -> Response:
        return Exchange(request, state).refuse(_no_such_url(error))

    @blueprint.app_errorhandler(OSError)
    def client_gone(_: OSError) -> Response:
        """The client left while it was sending; nobody reads this."""
        return Response(status=400)

    return blueprint


def _posted(state: State, question: type[Question]) -> Callable[[], Response]:
    """The view of an endpoint: check the request, then answer it as scripted."""

    def view() -> Response:
        exchange = Exchange(request, state)
        try:
            exchange.authorise()
            body = exchange.read_json()
            asked = question(body, state)
            state.limits.spend(body["model"], asked.tokens)
            return _scripted(state, exchange, lambda reply: asked.answer(exchange, reply))
        except Refusal as refusal:
            return exchange.refuse(refusal)

    return view


def _got(state: State, content: Callable[[], dict[str, Any]]) -> Response:
    """Answer a GET with this content, if it can be had."""
    exchange = Exchange(request, state)
    try:
        exchange.authorise()
        found = content()
        return _scripted(state, exchange, lambda reply: exchange.answer(found, reply))
    except Refusal as refusal:
        return exchange.refuse(refusal)


def _scripted(state: State, exchange: Exchange, answer: Callable[[Reply], Response]) -> Response:
    reply = state.script.take(request.path)
    return answer(reply) if reply.status == 200 else exchange.fail(reply)


def _no_such_url(error: HTTPException) -> Refusal:
    if error.code == 405:
        return Refusal(f"Not allowed to {request.method} on {request.path}.", status=405)
    return Refusal(
        f"Unknown request URL: {request.method} {request.path}. Please check the URL for typos, "
        "or see the docs at https://platform.openai.com/docs/api-reference/.",
        status=404,
        code="unknown_url",
    )
