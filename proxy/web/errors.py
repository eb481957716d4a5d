"""The one renderer of errors: all leave in OpenAI's shape, or as one line of text."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import gevent
from flask import Response, g, request
from werkzeug.exceptions import HTTPException

from proxy.errors import ApiError, InvalidApiKey, InvalidRequest, MethodNotAllowed, NotFound
from proxy.telemetry import logs
from proxy.web import ratelimit, responses
from proxy.web.guesses import Guesses

if TYPE_CHECKING:
    from flask import Flask

    from proxy.settings import Settings


def register(app: Flask, settings: Settings) -> None:
    """Make the app render every error."""
    guesses = Guesses(settings.wrong_key_delay)

    @app.errorhandler(InvalidApiKey)
    def wrong_key(error: InvalidApiKey) -> Response:
        if "Authorization" in request.headers:
            gevent.sleep(guesses.wrong(request.remote_addr or "", time.monotonic()))
        return render(error)

    app.register_error_handler(ApiError, render)
    app.register_error_handler(HTTPException, _from_werkzeug)
    app.register_error_handler(Exception, _defect)


def render(error: ApiError) -> Response:
    """The answer for an error."""
    g.error = error.code
    headers = ratelimit.retry(error.retry_after, should_retry=error.should_retry)
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if responses.wants_text():
        return responses.text(" ".join(error.message.split()), error.status, headers)
    return responses.json(error.body(), error.status, headers)


def _from_werkzeug(error: HTTPException) -> Response:
    if error.code == 405:
        response = render(
            MethodNotAllowed(f"{request.method} is not allowed here: use {_allowed(error)}.")
        )
        response.headers["Allow"] = _allowed(error)
        return response
    if error.code == 404:
        return render(NotFound("There is nothing here: the paths are listed at /openapi.json."))
    return render(InvalidRequest("The request cannot be understood as HTTP."))


def _allowed(error: HTTPException) -> str:
    return ", ".join(sorted(getattr(error, "valid_methods", None) or ()))


def _defect(error: Exception) -> Response:
    logs.defect(error, path=request.path)
    return render(ApiError("Something went wrong here; the request id helps to find it."))
